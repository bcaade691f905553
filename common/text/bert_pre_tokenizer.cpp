// One pass over the text with a table of character kinds.
#include "common/text/bert_pre_tokenizer.h"

#include "common/text/unicode_facts.h"
#include "common/text/utf8.h"

namespace weft::text {
namespace {
constexpr char32_t kTableEnd = 0x20000;
}

const std::vector<BertPreTokenizer::Kind>& BertPreTokenizer::table() {
  static const std::vector<Kind> instance = [] {
    std::vector<Kind> out(kTableEnd);
    for (char32_t c = 0; c < kTableEnd; ++c) out[c] = classify(c);
    return out;
  }();
  return instance;
}

BertPreTokenizer::Kind BertPreTokenizer::classify(char32_t c) {
  return is_white_space(c) ? Kind::space : is_bert_punctuation(c) ? Kind::punctuation : Kind::word;
}

void BertPreTokenizer::split(const Passage& passage, TextPool&, std::vector<std::string_view>& words) const {
  const std::string_view text = passage.text;
  std::size_t begin = 0, at = 0;
  const auto end_word = [&] {
    if (at > begin) words.push_back(text.substr(begin, at - begin));
  };
  while (at < text.size()) {
    const auto byte = static_cast<unsigned char>(text[at]);
    const Decoded c = byte < 128 ? Decoded{byte, 1, true} : decode_utf8(text, at);
    const Kind kind = c.code_point < kTableEnd ? table_[c.code_point] : classify(c.code_point);
    if (kind == Kind::word) {
      at += c.length;
      continue;
    }
    end_word();
    if (kind == Kind::punctuation) words.push_back(text.substr(at, c.length));
    at += c.length;
    begin = at;
  }
  end_word();
}

}  // namespace weft::text
