// Unigram language model: of all ways to cut a word into tokens the one whose scores, logarithms of probabilities, add
// up highest. Source: Kudo 2018, arXiv:1804.10959.
#pragma once
#include <array>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "common/text/byte_trie.h"
#include "common/text/model.h"
#include "common/text/token_table.h"

namespace weft::text {

struct UnigramOptions {
  std::optional<TokenId> unknown;  // none: a character that the vocabulary lacks is a Failure
  bool byte_fallback = false;      // unknown characters are bytes, "<0x41>"
};

class Unigram final : public Model {
 public:
  // Token and score, by id.
  Unigram(const std::vector<std::pair<std::string, double>>& vocabulary, UnigramOptions options);
  void tokenize(std::span<const std::string_view> words, std::size_t enough, std::vector<TokenId>& ids) const override;

 private:
  // The best way to cut the bytes before a place.
  struct Node {
    double score = 0;
    std::uint32_t begin = 0;  // of its last token
    TokenId id = -1;          // of its last token; -1: no way yet
  };
  void cut(std::string_view word, std::vector<Node>& best) const;
  void add_text(std::string_view token, std::vector<TokenId>& ids) const;
  void tokenize_one(std::string_view word, std::vector<Node>& best, std::vector<std::string_view>& tokens,
                    std::vector<TokenId>& ids) const;

  UnigramOptions options_;
  TokenTable table_;
  ByteTrie trie_;
  std::vector<double> scores_;
  double unknown_score_ = 0;
  std::array<TokenId, 256> byte_tokens_{};
};

}  // namespace weft::text
