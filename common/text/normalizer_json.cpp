// The section "normalizer".

#include "common/text/bert_normalizer.h"
#include "common/text/charsmap.h"
#include "common/text/normalizers.h"
#include "common/text/stages_json.h"
#include "common/text/unicode_normalizer.h"

namespace weft::text {
namespace {

using Made = std::unique_ptr<Normalizer>;
constexpr const char* kWhere = "normalizer";

Made make(Json json, int depth);

Made make_bert(Json json, int) {
  BertNormalizerOptions options;
  options.clean_text = bool_field(json, kWhere, "clean_text", true);
  options.handle_chinese_chars = bool_field(json, kWhere, "handle_chinese_chars", true);
  options.lowercase = bool_field(json, kWhere, "lowercase", true);
  options.strip_accents = bool_field(json, kWhere, "strip_accents", options.lowercase);
  return std::make_unique<BertNormalizer>(options);
}

Made make_sequence(Json json, int depth) {
  std::vector<Made> stages;
  for (const Json item : list_field(json, kWhere, "normalizers")) stages.push_back(make(item, depth + 1));
  return std::make_unique<NormalizerSequence>(std::move(stages));
}

template <NormalForm kForm>
Made make_form(Json, int) {
  return std::make_unique<UnicodeNormalizer>(kForm);
}

template <class Kind>
Made make_plain(Json, int) {
  return std::make_unique<Kind>();
}

Made make_strip(Json json, int) {
  return std::make_unique<StripEnds>(bool_field(json, kWhere, "strip_left", true),
                                     bool_field(json, kWhere, "strip_right", true));
}

Made make_replace(Json json, int) {
  const Pattern pattern = parse_pattern(json, kWhere);
  std::string content = text_field(json, kWhere, "content");
  if (!pattern.is_regex) return std::make_unique<ReplaceText>(pattern.text, std::move(content));
  return std::make_unique<ReplaceRegex>(compile(pattern, kWhere), std::move(content));
}

Made make_prepend(Json json, int) { return std::make_unique<Prepend>(text_field(json, kWhere, "prepend")); }

Made make_charsmap(Json json, int) {
  return std::make_unique<Charsmap>(text_field(json, kWhere, "precompiled_charsmap"));
}

Made make(Json json, int depth) {
  if (depth > kMaxNesting) fail_at(kWhere, "nested too deep");
  static const std::vector<std::pair<std::string_view, Made (*)(Json, int)>> kTable = {
      {"BertNormalizer", make_bert},
      {"Sequence", make_sequence},
      {"NFC", make_form<NormalForm::nfc>},
      {"NFD", make_form<NormalForm::nfd>},
      {"NFKC", make_form<NormalForm::nfkc>},
      {"NFKD", make_form<NormalForm::nfkd>},
      {"Lowercase", make_plain<Lowercase>},
      {"Strip", make_strip},
      {"StripAccents", make_plain<StripAccents>},
      {"Nmt", make_plain<Nmt>},
      {"Replace", make_replace},
      {"Prepend", make_prepend},
      {"Precompiled", make_charsmap},
  };
  return choose(kWhere, text_field(json, kWhere, "type"), kTable)(json, depth);
}

}  // namespace

std::unique_ptr<Normalizer> make_normalizer(Json json) { return json.is_null() ? nullptr : make(json, 0); }

}  // namespace weft::text
