// Greedy longest match over the trie. Tokens are valid UTF-8, so a match never ends within a character.
#include "common/text/word_piece.h"

#include "common/text/utf8.h"

namespace weft::text {

WordPiece::WordPiece(std::vector<std::pair<std::string, TokenId>> vocabulary, WordPieceOptions options)
    : options_(std::move(options)),
      trie_(std::move(vocabulary)),
      continuing_(trie_.walk(ByteTrie::root(), options_.continuing_prefix)) {}

void WordPiece::tokenize(std::span<const std::string_view> words, std::size_t enough, std::vector<TokenId>& ids) const {
  for (std::string_view word : words) {
    tokenize_one(word, ids);
    if (ids.size() > enough) return;
  }
}

void WordPiece::tokenize_one(std::string_view word, std::vector<TokenId>& ids) const {
  const bool too_long = word.size() > options_.max_characters && count_utf8(word) > options_.max_characters;
  const std::size_t before = ids.size();
  std::uint32_t start = ByteTrie::root();
  while (!word.empty()) {
    const ByteTrie::Match match = too_long || start == ByteTrie::kNone ? ByteTrie::Match{} : trie_.longest(start, word);
    if (match.id < 0) {
      ids.resize(before);
      ids.push_back(options_.unknown);
      return;
    }
    ids.push_back(match.id);
    word.remove_prefix(match.length);
    start = continuing_;
  }
}

}  // namespace weft::text
