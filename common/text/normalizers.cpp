// One loop over the text each.
#include "common/text/normalizers.h"

#include <algorithm>

#include "common/text/unicode_facts.h"
#include "common/text/utf8.h"

namespace weft::text {
namespace {

// Calls `change` with each code point.
template <class Change>
void each_code_point(std::string_view text, Change change) {
  for (std::size_t at = 0; at < text.size();) {
    const Decoded c = decode_utf8(text, at);
    change(c.code_point);
    at += c.length;
  }
}

bool is_dropped_by_nmt(char32_t c) {
  return (c >= 0x1 && c <= 0x8) || c == 0xB || (c >= 0xE && c <= 0x1F) || c == 0x7F || c == 0x8F || c == 0x9F;
}

bool is_blank_to_nmt(char32_t c) {
  switch (c) {
    case 0x9:
    case 0xA:
    case 0xC:
    case 0xD:
    case 0x1680:
    case 0x2028:
    case 0x2029:
    case 0x2581:
    case 0xFEFF:
    case 0xFFFD:
      return true;
    default:
      return c >= 0x200B && c <= 0x200F;
  }
}

}  // namespace

void NormalizerSequence::normalize(std::string_view text, std::string& out) const {
  std::string now(text), next;
  for (const auto& stage : stages_) {
    next.clear();
    stage->normalize(now, next);
    now.swap(next);
  }
  out += now;
}

void Lowercase::normalize(std::string_view text, std::string& out) const {
  each_code_point(text, [&](char32_t c) {
    if (c < 0x80) {
      out += static_cast<char>(c >= 'A' && c <= 'Z' ? c + ('a' - 'A') : c);
      return;
    }
    for (char32_t lower : lower_case(c)) append_utf8(out, lower);
  });
}

void StripEnds::normalize(std::string_view text, std::string& out) const {
  const std::string_view core = stripped(text, is_white_space);
  if (core.empty()) {
    if (!left_ && !right_) out += text;
    return;
  }
  const auto before = static_cast<std::size_t>(core.data() - text.data());
  const std::size_t begin = left_ ? before : 0, end = right_ ? before + core.size() : text.size();
  out += text.substr(begin, end - begin);
}

void StripAccents::normalize(std::string_view text, std::string& out) const {
  each_code_point(text, [&](char32_t c) {
    if (c < 0x300 || !is_mark(c)) append_utf8(out, c);
  });
}

void Nmt::normalize(std::string_view text, std::string& out) const {
  each_code_point(text, [&](char32_t c) {
    if (!is_dropped_by_nmt(c)) append_utf8(out, is_blank_to_nmt(c) ? U' ' : c);
  });
}

void Prepend::normalize(std::string_view text, std::string& out) const {
  if (text.empty()) return;
  out += prefix_;
  out += text;
}

void ReplaceText::normalize(std::string_view text, std::string& out) const {
  if (from_.empty()) {
    out += text;
    return;
  }
  std::size_t done = 0;
  for (std::size_t at = text.find(from_); at != std::string_view::npos; at = text.find(from_, done)) {
    out += text.substr(done, at - done);
    out += to_;
    done = at + from_.size();
  }
  out += text.substr(done);
}

void ReplaceRegex::normalize(std::string_view text, std::string& out) const {
  std::size_t done = 0;
  from_.find_all(text, [&](TextSpan span) {
    out += text.substr(done, span.begin - done);
    out += to_;
    done = span.end;
  });
  out += text.substr(done);
}

}  // namespace weft::text
