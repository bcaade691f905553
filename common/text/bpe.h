// Byte-pair encoding: a word starts as characters, or bytes, and the two neighbours that were merged earliest in
// training are merged again and again. Source: Sennrich et al. 2016, arXiv:1508.07909; byte level as in GPT-2.
#pragma once
#include <array>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "common/text/model.h"
#include "common/text/pair_table.h"
#include "common/text/token_table.h"

namespace weft::text {

struct BpeOptions {
  std::optional<TokenId> unknown;  // none: characters that the vocabulary lacks are dropped
  std::string continuing_prefix;   // of every symbol but the first of its word
  std::string end_suffix;          // of the last symbol of a word
  bool fuse_unknown = false;       // neighbouring unknown characters are one token
  bool byte_fallback = false;      // unknown characters are bytes, "<0x41>"
  bool ignore_merges = false;      // a word that is a token is that token
  bool bytes = false;              // words are bytes, and the vocabulary is written in the byte alphabet
};

class Bpe final : public Model {
 public:
  // Merges in their order. Throws Failure where one is of tokens that the vocabulary lacks.
  Bpe(const Vocabulary& vocabulary, const std::vector<std::pair<std::string, std::string>>& merges, BpeOptions options);
  void tokenize(std::span<const std::string_view> words, std::size_t enough, std::vector<TokenId>& ids) const override;

 private:
  struct Work;
  // Ids of one unit, a code point or byte, by whether it is the first and whether it is the last of its word.
  struct Units {
    std::vector<TokenId> ids;  // -1: none
    TokenId find(char32_t unit) const { return unit < ids.size() ? ids[unit] : -1; }
  };

  void add_merges(const TokenTable& table, const std::vector<std::pair<std::string, std::string>>& merges);
  Units units_with(const Vocabulary& vocabulary, std::string_view prefix, std::string_view suffix) const;
  bool crosses_blank(const Vocabulary& vocabulary) const;
  Vocabulary whole_words(const Vocabulary& vocabulary) const;
  void add_unknown(std::string_view bytes, bool& pending, std::vector<TokenId>& symbols) const;
  void to_symbols(std::string_view word, std::vector<TokenId>& symbols) const;
  void tokenize_one(std::string_view word, Work& work, std::vector<TokenId>& ids) const;
  void merge_few(Work& work) const;
  void merge_many(Work& work) const;

  BpeOptions options_;
  PairTable merges_;
  std::array<Units, 4> units_;  // 1: first, 2: last
  std::array<TokenId, 256> byte_tokens_{};
  TokenTable whole_;               // words that are one token
  bool cut_before_blank_ = false;  // no token has U+2581 behind another character: words may be cut there
};

}  // namespace weft::text
