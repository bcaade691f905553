// Foreign bytes as a tokenizer.json: an error, or a tokenizer that reads any bytes and whose ids decode to UTF-8.
#include <cstdint>
#include <cstdlib>

#include "common/text/chat_template.h"
#include "common/text/streaming_decoder.h"
#include "common/text/utf8.h"

namespace {

using namespace weft::text;

constexpr std::string_view kTexts[] = {"", " Hello  world's 12:30\n\n",
                                       "na\u00EFve \u4E2D\u6587 \U0001F600\u200D \u2581x", "\xFF\xC3 a\xE2\x82",
                                       "<s>[MASK] <|end|>aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"};

void check(bool holds) {
  if (!holds) std::abort();
}

void use(const Tokenizer& tokenizer, std::string_view text) {
  const Encoding encoding = tokenizer.encode(text, EncodeOptions{});
  check(encoding.ids.size() == encoding.type_ids.size());
  for (const TokenId id : encoding.ids) check(id >= 0 && static_cast<std::size_t>(id) < tokenizer.vocabulary_size());
  check(find_invalid_utf8(tokenizer.decode(encoding.ids, Specials::with)) == std::string_view::npos);
  check(tokenizer.encode(text, 5).ids.size() <= 5 + tokenizer.encode("").ids.size());
  const TextSpan half{text.size() / 2, text.size()};
  check(tokenizer.encode_marked(text, {&half, 1}, {}).marked.size() == encoding.ids.size());
  StreamingDecoder decoder(tokenizer);
  for (const TokenId id : encoding.ids) (void)decoder.push(id);
  (void)decoder.finish();
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view bytes(reinterpret_cast<const char*>(data), size);
  (void)ChatTemplate::recognise(bytes);
  const auto tokenizer = Tokenizer::parse(bytes);
  if (!tokenizer) return 0;
  for (const auto text : kTexts) {
    try {
      use(tokenizer.value(), text);
    } catch (const weft::Failure&) {  // a pattern beyond PCRE2's limits, a Unigram without an unknown token
    }
  }
  return 0;
}
