// The table of BERT's normalisation and the loop that applies it.
#include "common/text/bert_normalizer.h"

#include "common/text/unicode_facts.h"
#include "common/text/utf8.h"

namespace weft::text {
namespace {

constexpr char32_t kTableEnd = 0x30000;

bool is_kept_control(char32_t c) { return c == '\t' || c == '\n' || c == '\r'; }

}  // namespace

// Combining characters that are no nonspacing marks stay, in the order of their combining classes up to the last
// character of class 0. Normalisation does that on every string; here a dozen musical and Indic signs are concerned.
struct BertNormalizer::Ordering {
  struct Placed {
    int combining_class;
    std::size_t begin;  // in the output
  };
  std::vector<Placed> placed;  // since the last character of class 0
};

BertNormalizer::BertNormalizer(BertNormalizerOptions options) : options_(options) {
  table_.resize(kTableEnd);
  for (char32_t c = 0; c < kTableEnd; ++c) {
    if (c >= 0xD800 && c < 0xE000) continue;
    std::string text;
    table_[c] = classify(c, text);
    if (table_[c].kind != Kind::map) continue;
    table_[c].text = static_cast<std::uint32_t>(pool_.size());
    pool_ += static_cast<char>(text.size());
    pool_ += text;
  }
  for (char32_t c = 0; c < 128; ++c) {
    const Entry entry = table_[c];
    ascii_[c] = entry.kind == Kind::keep  ? static_cast<char>(c)
                : entry.kind == Kind::map ? pool_[entry.text + 1]
                                          : '\0';
  }
}

// What `c` becomes, before combining characters are ordered.
std::u32string BertNormalizer::parts_of(char32_t c) const {
  if (options_.clean_text) {
    if (c == 0 || c == kReplacement || (!is_kept_control(c) && is_other_category(c))) return {};
    if (is_white_space(c)) c = ' ';
  }
  std::u32string parts = options_.strip_accents ? decompose(c) : std::u32string{c};
  std::u32string out;
  for (char32_t part : parts) {
    if (options_.strip_accents && is_nonspacing_mark(part)) continue;
    out += options_.lowercase ? lower_case(part) : std::u32string{part};
  }
  if (options_.handle_chinese_chars && is_bert_ideograph(c)) out = U' ' + out + U' ';
  return out;
}

BertNormalizer::Entry BertNormalizer::classify(char32_t c, std::string& text) const {
  const std::u32string parts = parts_of(c);
  if (options_.strip_accents) {
    for (char32_t part : parts) {
      if (combining_class(part) != 0) return {Kind::order, 0};
    }
    const bool cleaned = options_.clean_text && (c == 0 || c == kReplacement || is_other_category(c));
    if (parts.empty() && !cleaned && combining_class(decompose(c).front()) == 0) return {Kind::pause, 0};
  }
  if (parts.empty()) return {Kind::drop, 0};
  if (parts.size() == 1 && parts[0] == c) return {Kind::keep, 0};
  for (char32_t part : parts) append_utf8(text, part);
  return {Kind::map, 0};
}

void BertNormalizer::append_ordered(char32_t c, std::string& out, Ordering& ordering) const {
  for (char32_t part : decompose(c)) {
    const int combining = combining_class(part);
    if (combining == 0) ordering.placed.clear();
    if (is_nonspacing_mark(part)) continue;
    std::string bytes;
    for (char32_t lower : options_.lowercase ? lower_case(part) : std::u32string{part}) append_utf8(bytes, lower);
    std::size_t index = ordering.placed.size();
    while (index > 0 && combining != 0 && ordering.placed[index - 1].combining_class > combining) --index;
    const std::size_t begin = index < ordering.placed.size() ? ordering.placed[index].begin : out.size();
    out.insert(begin, bytes);
    if (combining == 0) continue;
    for (std::size_t i = index; i < ordering.placed.size(); ++i) ordering.placed[i].begin += bytes.size();
    ordering.placed.insert(ordering.placed.begin() + static_cast<std::ptrdiff_t>(index), {combining, begin});
  }
}

void BertNormalizer::append_slow(char32_t c, std::string& out, Ordering& ordering) const {
  std::string text;
  const Entry entry = c < kTableEnd ? table_[c] : classify(c, text);
  switch (entry.kind) {
    case Kind::drop:
      return;
    case Kind::order:
      return append_ordered(c, out, ordering);
    case Kind::pause:
      break;
    case Kind::keep:
      append_utf8(out, c);
      break;
    case Kind::map:
      if (c < kTableEnd) {
        out.append(pool_, entry.text + 1, static_cast<unsigned char>(pool_[entry.text]));
      } else {
        out += text;
      }
      break;
  }
  ordering.placed.clear();
}

void BertNormalizer::normalize(std::string_view text, std::string& out) const {
  out.reserve(out.size() + text.size() + text.size() / 4);
  Ordering ordering;
  for (std::size_t at = 0; at < text.size();) {
    const auto byte = static_cast<unsigned char>(text[at]);
    if (byte < 128) {
      ++at;
      if (ascii_[byte] == '\0' && byte != 0) continue;
      if (byte == 0 && options_.clean_text) continue;
      out += ascii_[byte];
      ordering.placed.clear();
      continue;
    }
    const Decoded c = decode_utf8(text, at);
    at += c.length;
    append_slow(c.code_point, out, ordering);
  }
}

}  // namespace weft::text
