// Tokens that are found in the text before anything else happens to it, "[MASK]" for one, as whole units.
#pragma once
#include <array>
#include <string>
#include <string_view>
#include <vector>

#include "common/text/byte_trie.h"
#include "common/text/tokenizer.h"

namespace weft::text {

struct AddedToken {
  TokenId id = 0;
  std::string content;
  bool single_word = false;  // only where no word character touches it
  bool lstrip = false;       // swallows white space before it
  bool rstrip = false;       // swallows white space behind it
  bool normalized = false;   // looked for in the normalised text, else in the raw one
  bool special = false;      // left out of decoded text on demand
};

// Finds the tokens of one kind (raw or normalised): leftmost, then longest.
class AddedTokenFinder {
 public:
  struct Piece {
    std::string_view text;
    TokenId id = -1;  // -1: ordinary text
  };
  explicit AddedTokenFinder(std::vector<AddedToken> tokens);
  bool empty() const { return tokens_.empty(); }
  // Appends the pieces of `text` in order; joined they are the text. Any thread.
  void split(std::string_view text, std::vector<Piece>& pieces) const;

 private:
  std::vector<AddedToken> tokens_;
  ByteTrie trie_;
  std::array<bool, 256> first_bytes_{};
};

}  // namespace weft::text
