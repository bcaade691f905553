// The loops.
#include "common/text/pre_tokenizers.h"

#include "common/text/byte_alphabet.h"
#include "common/text/unicode_facts.h"
#include "common/text/utf8.h"

namespace weft::text {
namespace {

std::string_view replace_blanks(std::string_view prefix, std::string_view text, std::string_view replacement,
                                TextPool& pool) {
  std::size_t blanks = 0;
  for (char c : text) blanks += c == ' ' ? 1 : 0;
  if (blanks == 0 && prefix.empty()) return text;
  if (blanks == 0) return pool.add(prefix, text);
  const std::size_t size = prefix.size() + text.size() - blanks + blanks * replacement.size();
  char* const begin = pool.allocate(size);
  char* at = std::copy(prefix.begin(), prefix.end(), begin);
  for (char c : text) {
    if (c == ' ')
      at = std::copy(replacement.begin(), replacement.end(), at);
    else
      *at++ = c;
  }
  return {begin, size};
}

std::string_view in_byte_alphabet(std::string_view bytes, TextPool& pool) {
  std::string text;
  for (char c : bytes) append_utf8(text, byte_character(static_cast<unsigned char>(c)));
  return pool.add(text, {});
}

}  // namespace

void PreTokenizerSequence::split(const Passage& passage, TextPool& pool, std::vector<std::string_view>& words) const {
  if (passage.text.empty()) return;
  std::vector<std::string_view> now{passage.text}, next;
  bool at_start = passage.at_start;  // of the first word
  for (const auto& stage : stages_) {
    next.clear();
    for (std::size_t i = 0; i < now.size(); ++i) stage->split({now[i], at_start && i == 0}, pool, next);
    // A first word that begins elsewhere in the passage has lost what stood before it.
    if (!next.empty() && !now.empty()) {
      const char* first = next.front().data();
      const bool inside = first > now.front().data() && first <= now.front().data() + now.front().size();
      at_start = at_start && !inside;
    }
    now.swap(next);
  }
  words.insert(words.end(), now.begin(), now.end());
}

void WhitespaceWords::split(const Passage& passage, TextPool&, std::vector<std::string_view>& words) const {
  enum class Kind { space, word, other };
  const std::string_view text = passage.text;
  std::size_t begin = 0;
  Kind kind = Kind::space;
  const auto end_word = [&](std::size_t end) {
    if (kind != Kind::space && end > begin) words.push_back(text.substr(begin, end - begin));
  };
  for (std::size_t at = 0; at < text.size();) {
    const Decoded c = decode_utf8(text, at);
    const Kind now = is_white_space(c.code_point)      ? Kind::space
                     : is_word_character(c.code_point) ? Kind::word
                                                       : Kind::other;
    if (now != kind) {
      end_word(at);
      begin = at;
      kind = now;
    }
    at += c.length;
  }
  end_word(text.size());
}

void Metaspace::split(const Passage& passage, TextPool& pool, std::vector<std::string_view>& words) const {
  if (passage.text.empty()) return;
  const std::string_view replacement = options_.replacement;
  const bool wanted =
      options_.prepend == PrependScheme::always || (options_.prepend == PrependScheme::first && passage.at_start);
  const bool has_one = passage.text.starts_with(' ') || passage.text.starts_with(replacement);
  const std::string_view text =
      replace_blanks(wanted && !has_one ? replacement : std::string_view{}, passage.text, replacement, pool);
  if (!options_.split) {
    words.push_back(text);
    return;
  }
  // A replacement begins a word with what follows it; of several in a row each but the last is a word of its own.
  std::size_t begin = 0;
  for (std::size_t at = text.find(replacement, 1); at != std::string_view::npos; at = text.find(replacement, at + 1)) {
    words.push_back(text.substr(begin, at - begin));
    begin = at;
  }
  words.push_back(text.substr(begin));
}

void ByteLevel::split(const Passage& passage, TextPool& pool, std::vector<std::string_view>& words) const {
  if (passage.text.empty()) return;
  const bool add = options_.add_prefix_space && !passage.text.starts_with(' ');
  const Passage whole{add ? pool.add(" ", passage.text) : passage.text, passage.at_start};
  const std::size_t before = words.size();
  if (options_.words)
    options_.words->split(whole, pool, words);
  else
    words.push_back(whole.text);
  if (options_.raw) return;
  for (std::size_t i = before; i < words.size(); ++i) words[i] = in_byte_alphabet(words[i], pool);
}

}  // namespace weft::text
