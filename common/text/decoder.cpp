// Each decoder as Hugging Face's of its name.
#include "common/text/decoder.h"

#include <algorithm>
#include <array>
#include <charconv>

#include "common/text/byte_alphabet.h"
#include "common/text/utf8.h"

namespace weft::text {
namespace {

void replace_all(std::string& text, std::string_view from, std::string_view to) {
  if (from.empty()) return;
  for (std::size_t at = text.find(from); at != std::string::npos; at = text.find(from, at + to.size())) {
    text.replace(at, from.size(), to);
  }
}

void clean_up(std::string& text) {
  using Pair = std::array<std::string_view, 2>;
  static constexpr std::array<Pair, 11> kRules = {{{" .", "."},
                                                   {" ?", "?"},
                                                   {" !", "!"},
                                                   {" ,", ","},
                                                   {" ' ", "'"},
                                                   {" n't", "n't"},
                                                   {" 'm", "'m"},
                                                   {" do not", " don't"},
                                                   {" 's", "'s"},
                                                   {" 've", "'ve"},
                                                   {" 're", "'re"}}};
  for (const auto& [from, to] : kRules) replace_all(text, from, to);
}

// Length of the part of a character, at least 1, that begins at `at` where no whole one does.
std::size_t broken_length(std::string_view bytes, std::size_t at) {
  const auto byte = [&](std::size_t i) {
    return at + i < bytes.size() ? static_cast<unsigned char>(bytes[at + i]) : 0U;
  };
  const unsigned first = byte(0), second = byte(1);
  const auto is_rest = [](unsigned b) { return (b & 0xC0U) == 0x80U; };
  if (first >= 0xE0 && first < 0xF0) {
    const unsigned low = first == 0xE0 ? 0xA0 : 0x80, high = first == 0xED ? 0x9F : 0xBF;
    return second >= low && second <= high ? 2 : 1;
  }
  if (first >= 0xF0 && first < 0xF5) {
    const unsigned low = first == 0xF0 ? 0x90 : 0x80, high = first == 0xF4 ? 0x8F : 0xBF;
    if (second < low || second > high) return 1;
    return is_rest(byte(2)) ? 3 : 2;
  }
  return 1;
}

std::string with_replacements(std::string_view bytes) {
  std::string out;
  for (std::size_t at = 0; at < bytes.size();) {
    const Decoded c = decode_utf8(bytes, at);
    if (c.valid)
      out += bytes.substr(at, c.length);
    else
      append_utf8(out, kReplacement);
    at += c.valid ? c.length : broken_length(bytes, at);
  }
  return out;
}

}  // namespace

int fallback_byte(std::string_view token) {
  if (token.size() != 6 || !token.starts_with("<0x") || token.back() != '>') return -1;
  int value = -1;
  const auto [end, error] = std::from_chars(token.data() + 3, token.data() + 5, value, 16);
  return error == std::errc{} && end == token.data() + 5 && value >= 0 ? value : -1;
}

void DecoderSequence::decode(std::vector<std::string>& tokens) const {
  for (const auto& stage : stages_) stage->decode(tokens);
}

void WordPieceDecoder::decode(std::vector<std::string>& tokens) const {
  for (std::size_t i = 0; i < tokens.size(); ++i) {
    std::string& token = tokens[i];
    if (i > 0) {
      if (token.starts_with(options_.prefix))
        token.erase(0, options_.prefix.size());
      else
        token.insert(0, 1, ' ');
    }
    if (options_.cleanup) clean_up(token);
  }
}

void ByteLevelDecoder::decode(std::vector<std::string>& tokens) const {
  std::string bytes;
  for (const auto& token : tokens) bytes += from_byte_characters(token).value_or(token);
  tokens.assign(1, with_replacements(bytes));
}

void MetaspaceDecoder::decode(std::vector<std::string>& tokens) const {
  for (std::size_t i = 0; i < tokens.size(); ++i) {
    replace_all(tokens[i], options_.replacement, i == 0 && options_.strip_first ? "" : " ");
  }
}

void ByteFallbackDecoder::decode(std::vector<std::string>& tokens) const {
  std::vector<std::string> out;
  std::string bytes;
  const auto end_run = [&] {
    if (bytes.empty()) return;
    if (find_invalid_utf8(bytes) == std::string_view::npos)
      out.push_back(bytes);
    else
      out.insert(out.end(), bytes.size(), "\uFFFD");
    bytes.clear();
  };
  for (auto& token : tokens) {
    const int byte = fallback_byte(token);
    if (byte >= 0) {
      bytes += static_cast<char>(byte);
      continue;
    }
    end_run();
    out.push_back(std::move(token));
  }
  end_run();
  tokens = std::move(out);
}

void FuseDecoder::decode(std::vector<std::string>& tokens) const {
  std::string all;
  for (const auto& token : tokens) all += token;
  tokens.assign(1, all);
}

void StripDecoder::decode(std::vector<std::string>& tokens) const {
  for (auto& token : tokens) {
    std::string_view rest = token;
    for (std::size_t i = 0; i < options_.start && rest.starts_with(options_.content); ++i) {
      rest.remove_prefix(options_.content.size());
    }
    for (std::size_t i = 0; i < options_.stop && rest.ends_with(options_.content); ++i) {
      rest.remove_suffix(options_.content.size());
    }
    token = std::string(rest);
  }
}

void ReplaceDecoder::decode(std::vector<std::string>& tokens) const {
  for (auto& token : tokens) {
    std::string out;
    std::size_t done = 0;
    from_.find_all(token, [&](TextSpan span) {
      out.append(token, done, span.begin - done);
      out += to_;
      done = span.end;
    });
    out.append(token, done);
    token = std::move(out);
  }
}

void BpeDecoder::decode(std::vector<std::string>& tokens) const {
  for (std::size_t i = 0; i < tokens.size(); ++i) replace_all(tokens[i], suffix_, i + 1 == tokens.size() ? "" : " ");
}

}  // namespace weft::text
