// What two neighbouring symbols of byte-pair encoding become, and how early: a hash table with open addressing.
#pragma once
#include <bit>
#include <cstdint>
#include <limits>
#include <vector>

#include "common/text/tokenizer.h"

namespace weft::text {

struct Merge {
  static constexpr std::uint32_t kNever = std::numeric_limits<std::uint32_t>::max();
  std::uint32_t rank = kNever;  // the lowest is merged first
  TokenId id = 0;               // what the two become
};

class PairTable {
 public:
  explicit PairTable(std::size_t count) : slots_(std::bit_ceil(2 * count + 1)) {}
  // At most `count` times. Of two equal pairs the last counts.
  void insert(TokenId first, TokenId second, Merge merge) {
    const std::uint64_t key = key_of(first, second);
    Slot& slot = slots_[place(key)];
    slot = {key, merge};
  }
  Merge find(TokenId first, TokenId second) const { return slots_[place(key_of(first, second))].merge; }

 private:
  static constexpr std::uint64_t kFree = std::numeric_limits<std::uint64_t>::max();
  struct Slot {
    std::uint64_t key = kFree;
    Merge merge;
  };
  static std::uint64_t key_of(TokenId first, TokenId second) {
    return std::uint64_t{static_cast<std::uint32_t>(first)} << 32U | static_cast<std::uint32_t>(second);
  }
  std::size_t place(std::uint64_t key) const {
    const std::uint64_t hash = key * 0x9E3779B97F4A7C15U;
    std::size_t at = (hash ^ hash >> 32U) & (slots_.size() - 1);
    while (slots_[at].key != kFree && slots_[at].key != key) at = (at + 1) & (slots_.size() - 1);
    return at;
  }
  std::vector<Slot> slots_;
};

}  // namespace weft::text
