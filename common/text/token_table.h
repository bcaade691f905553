// Exact look-up of a token's id by its bytes: a hash table with open addressing, built once.
#pragma once
#include <bit>
#include <cstdint>
#include <cstring>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "common/text/tokenizer.h"

namespace weft::text {

using Vocabulary = std::vector<std::pair<std::string, TokenId>>;

class TokenTable {
 public:
  TokenTable() = default;
  // Of two equal tokens the last counts.
  explicit TokenTable(const Vocabulary& tokens) {
    slots_.resize(std::bit_ceil(2 * tokens.size() + 1));
    for (const auto& [token, id] : tokens) {
      Slot& slot = slots_[place(token)];
      if (slot.id < 0) {
        slot.begin = static_cast<std::uint32_t>(bytes_.size());
        slot.size = static_cast<std::uint32_t>(token.size());
        bytes_ += token;
      }
      slot.id = id;
    }
  }
  // -1: not there.
  TokenId find(std::string_view token) const { return slots_.empty() ? -1 : slots_[place(token)].id; }

 private:
  struct Slot {
    std::uint32_t begin = 0, size = 0;
    TokenId id = -1;
  };

  static std::uint64_t hash(std::string_view text) {
    std::uint64_t state = 0x9E3779B97F4A7C15U ^ text.size();
    std::size_t at = 0;
    for (; at + 8 <= text.size(); at += 8) state = mix(state, text.data() + at, 8);
    if (at < text.size()) state = mix(state, text.data() + at, text.size() - at);
    return state ^ state >> 32U;
  }
  static std::uint64_t mix(std::uint64_t state, const char* bytes, std::size_t count) {
    std::uint64_t word = 0;
    std::memcpy(&word, bytes, count);
    state = (state ^ word) * 0xFF51AFD7ED558CCDU;
    return state ^ state >> 29U;
  }
  // The slot of the token, or the free one where it would be.
  std::size_t place(std::string_view token) const {
    std::size_t at = hash(token) & (slots_.size() - 1);
    while (slots_[at].id >= 0 && std::string_view(bytes_).substr(slots_[at].begin, slots_[at].size) != token) {
      at = (at + 1) & (slots_.size() - 1);
    }
    return at;
  }

  std::vector<Slot> slots_;
  std::string bytes_;
};

}  // namespace weft::text
