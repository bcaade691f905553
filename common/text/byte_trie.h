// A set of byte strings with ids, walked a byte at a time: a double array, so a step is one look-up.
// Source: Aoe 1989, "An efficient digital search algorithm by using a double-array structure".
#pragma once
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace weft::text {

class ByteTrie {
 public:
  using Key = std::pair<std::string, std::int32_t>;  // ids >= 0
  static constexpr std::uint32_t kNone = 0xFFFFFFFFU;

  // Of two equal keys the first counts. The empty key is left out.
  explicit ByteTrie(std::vector<Key> keys);

  static constexpr std::uint32_t root() { return 0; }
  std::uint32_t step(std::uint32_t node, unsigned char byte) const {
    const std::uint32_t next = nodes_[node].base + byte;
    return next < nodes_.size() && nodes_[next].parent == node ? next : kNone;
  }
  std::uint32_t walk(std::uint32_t node, std::string_view bytes) const;
  std::int32_t id_at(std::uint32_t node) const { return nodes_[node].id; }  // -1: no key ends here

  struct Match {
    std::int32_t id = -1;
    std::size_t length = 0;
  };
  // The longest key that is a prefix of `text`, walking from `start`.
  Match longest(std::uint32_t start, std::string_view text) const {
    Match match;
    std::uint32_t node = start;
    for (std::size_t i = 0; i < text.size(); ++i) {
      node = step(node, static_cast<unsigned char>(text[i]));
      if (node == kNone) break;
      if (nodes_[node].id >= 0) match = {nodes_[node].id, i + 1};
    }
    return match;
  }

 private:
  struct Node {
    std::uint32_t base = 0, parent = kNone;
    std::int32_t id = -1;
  };
  // Keys begin..end share the `depth` bytes that lead to `node`.
  struct Pending {
    std::uint32_t node;
    std::size_t begin, end, depth;
  };
  std::uint32_t place(std::span<const unsigned char> labels);

  std::vector<Node> nodes_;
  std::uint32_t first_free_ = 256, siblings_from_ = 256;  // more than any label, so that a base is never negative
};

}  // namespace weft::text
