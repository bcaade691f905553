// The search, and what a match does to the white space and words beside it.
#include "common/text/added_tokens.h"

#include <algorithm>

#include "common/text/unicode_facts.h"
#include "common/text/utf8.h"

namespace weft::text {
namespace {

std::vector<ByteTrie::Key> keys_of(const std::vector<AddedToken>& tokens) {
  std::vector<ByteTrie::Key> keys;
  for (std::size_t i = 0; i < tokens.size(); ++i) keys.emplace_back(tokens[i].content, static_cast<std::int32_t>(i));
  return keys;
}

// Start of the last character before `end`; end > 0.
std::size_t previous_start(std::string_view text, std::size_t end) {
  std::size_t at = end - 1;
  while (at > 0 && end - at < 4 && (static_cast<unsigned char>(text[at]) & 0xC0U) == 0x80U) --at;
  return at;
}

bool word_before(std::string_view text, std::size_t end) {
  return end > 0 && is_word_character(decode_utf8(text, previous_start(text, end)).code_point);
}
bool word_at(std::string_view text, std::size_t begin) {
  return begin < text.size() && is_word_character(decode_utf8(text, begin).code_point);
}

std::size_t skip_space_back(std::string_view text, std::size_t end, std::size_t floor) {
  while (end > floor) {
    const std::size_t start = previous_start(text, end);
    if (start < floor || !is_white_space(decode_utf8(text, start).code_point)) break;
    end = start;
  }
  return end;
}
std::size_t skip_space(std::string_view text, std::size_t begin) {
  while (begin < text.size()) {
    const Decoded c = decode_utf8(text, begin);
    if (!is_white_space(c.code_point)) break;
    begin += c.length;
  }
  return begin;
}

}  // namespace

AddedTokenFinder::AddedTokenFinder(std::vector<AddedToken> tokens)
    : tokens_(std::move(tokens)), trie_(keys_of(tokens_)) {
  for (const auto& token : tokens_) {
    if (!token.content.empty()) first_bytes_[static_cast<unsigned char>(token.content[0])] = true;
  }
}

void AddedTokenFinder::split(std::string_view text, std::vector<Piece>& pieces) const {
  std::size_t done = 0;
  for (std::size_t at = 0; at < text.size();) {
    if (!first_bytes_[static_cast<unsigned char>(text[at])]) {
      ++at;
      continue;
    }
    const ByteTrie::Match match = trie_.longest(ByteTrie::root(), text.substr(at));
    if (match.id < 0) {
      ++at;
      continue;
    }
    const AddedToken& token = tokens_[static_cast<std::size_t>(match.id)];
    std::size_t begin = at, end = at + match.length;
    at = end;
    if (token.single_word && (word_before(text, begin) || word_at(text, end))) continue;
    if (token.lstrip) begin = skip_space_back(text, begin, done);
    if (token.rstrip) end = skip_space(text, end);
    if (done < begin) pieces.push_back({text.substr(done, begin - done), -1});
    pieces.push_back({text.substr(begin, end - begin), token.id});
    done = end;
    at = std::max(at, end);
  }
  if (done < text.size()) pieces.push_back({text.substr(done), -1});
}

}  // namespace weft::text
