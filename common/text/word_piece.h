// WordPiece: the longest piece of the vocabulary from the left, again and again; a word that cannot be covered is one
// unknown token. Source: Wu et al. 2016, arXiv:1609.08144; greedy matching as in BERT's released code.
#pragma once
#include <string>
#include <utility>
#include <vector>

#include "common/text/byte_trie.h"
#include "common/text/model.h"

namespace weft::text {

struct WordPieceOptions {
  TokenId unknown = 0;
  std::string continuing_prefix = "##";  // of a piece that does not start its word
  std::size_t max_characters = 100;      // longer words are unknown
};

class WordPiece final : public Model {
 public:
  WordPiece(std::vector<std::pair<std::string, TokenId>> vocabulary, WordPieceOptions options);
  void tokenize(std::span<const std::string_view> words, std::size_t enough, std::vector<TokenId>& ids) const override;

 private:
  void tokenize_one(std::string_view word, std::vector<TokenId>& ids) const;

  WordPieceOptions options_;
  ByteTrie trie_;
  std::uint32_t continuing_;  // node after the prefix, or kNone
};

}  // namespace weft::text
