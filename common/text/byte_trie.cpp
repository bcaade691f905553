// Building the double array, breadth first over the sorted keys.
#include "common/text/byte_trie.h"

#include <algorithm>
#include <deque>

namespace weft::text {

// Only children fill the gaps, from the first one. Siblings look for room from a place that moves on where it is
// crowded, so all searches together pass each node a bounded number of times.
std::uint32_t ByteTrie::place(std::span<const unsigned char> labels) {
  constexpr int kCrowded = 16;
  while (first_free_ < nodes_.size() && nodes_[first_free_].parent != kNone) ++first_free_;
  siblings_from_ = std::max(siblings_from_, first_free_);
  const std::uint32_t start = labels.size() == 1 ? first_free_ : siblings_from_;
  std::uint32_t base = start - labels.front();
  const auto fits = [&] {
    return std::all_of(labels.begin(), labels.end(), [&](unsigned char label) {
      return base + label >= nodes_.size() || nodes_[base + label].parent == kNone;
    });
  };
  int tries = 0;
  for (; !fits(); ++base) ++tries;
  if (tries > kCrowded) siblings_from_ = base + labels.front();
  if (base + labels.back() >= nodes_.size()) nodes_.resize(base + labels.back() + 1);
  return base;
}

ByteTrie::ByteTrie(std::vector<Key> keys) : nodes_(1) {
  std::stable_sort(keys.begin(), keys.end(), [](const Key& a, const Key& b) { return a.first < b.first; });
  nodes_[0].parent = 0x7FFFFFFFU;  // the root is nobody's child
  nodes_[0].base = 1;
  std::deque<Pending> queue;
  if (!keys.empty()) queue.push_back({root(), 0, keys.size(), 0});
  std::vector<unsigned char> labels;
  std::vector<std::size_t> starts;
  while (!queue.empty()) {
    const Pending here = queue.front();
    queue.pop_front();
    std::size_t begin = here.begin;
    if (here.depth > 0 && keys[begin].first.size() == here.depth) nodes_[here.node].id = keys[begin].second;
    while (begin < here.end && keys[begin].first.size() == here.depth) ++begin;
    labels.clear();
    starts.clear();
    for (std::size_t i = begin; i < here.end; ++i) {
      const auto label = static_cast<unsigned char>(keys[i].first[here.depth]);
      if (labels.empty() || labels.back() != label) {
        labels.push_back(label);
        starts.push_back(i);
      }
    }
    if (labels.empty()) continue;
    starts.push_back(here.end);
    const std::uint32_t base = place(labels);
    nodes_[here.node].base = base;
    for (std::size_t i = 0; i < labels.size(); ++i) {
      nodes_[base + labels[i]].parent = here.node;
      queue.push_back({base + labels[i], starts[i], starts[i + 1], here.depth + 1});
    }
  }
}

std::uint32_t ByteTrie::walk(std::uint32_t node, std::string_view bytes) const {
  for (char c : bytes) {
    node = step(node, static_cast<unsigned char>(c));
    if (node == kNone) break;
  }
  return node;
}

}  // namespace weft::text
