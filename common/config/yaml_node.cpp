// Look-up and naming in the tree, and the words errors are made of.
#include "common/config/yaml_node.h"

#include <algorithm>
#include <cctype>
#include <numeric>

namespace weft {

std::shared_ptr<YamlView::Node> YamlView::Node::find(const std::string& key) const {
  const auto at = std::find_if(map.begin(), map.end(), [&](const Entry& entry) { return entry.first == key; });
  return at == map.end() ? nullptr : at->second;
}

void YamlView::Node::rename(const std::string& full_name) {
  name = full_name;
  for (auto& [key, value] : map) value->rename(full_key(key));
  for (std::size_t i = 0; i < list.size(); ++i) list[i]->rename(name + "[" + std::to_string(i) + "]");
}

namespace config {
namespace {

std::size_t edit_distance(const std::string& a, const std::string& b) {
  std::vector<std::size_t> row(b.size() + 1);
  std::iota(row.begin(), row.end(), std::size_t{0});
  for (std::size_t i = 1; i <= a.size(); ++i) {
    std::size_t diagonal = row[0];
    row[0] = i;
    for (std::size_t j = 1; j <= b.size(); ++j) {
      const std::size_t replaced = diagonal + (a[i - 1] == b[j - 1] ? 0 : 1);
      diagonal = row[j];
      row[j] = std::min({replaced, row[j] + 1, row[j - 1] + 1});
    }
  }
  return row[b.size()];
}

}  // namespace

std::string quoted_for_people(const std::string& text) {
  static constexpr std::size_t kLongest = 60;
  std::string out = "\"";
  for (char c : text.substr(0, kLongest)) out += std::iscntrl(static_cast<unsigned char>(c)) != 0 ? ' ' : c;
  return out + (text.size() > kLongest ? "...\"" : "\"");
}

std::string nearest(const std::string& word, const std::set<std::string>& known) {
  static constexpr std::size_t kLongestWord = 100;
  if (word.size() > kLongestWord) return {};
  std::string best;
  std::size_t best_distance = std::max<std::size_t>(2, word.size() / 3) + 1;
  for (const auto& candidate : known) {
    const std::size_t distance = edit_distance(word, candidate);
    if (distance < best_distance && distance < candidate.size()) {
      best = candidate;
      best_distance = distance;
    }
  }
  return best;
}

}  // namespace config
}  // namespace weft
