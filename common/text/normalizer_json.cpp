// The section "normalizer".
#include <nlohmann/json.hpp>

#include "common/text/bert_normalizer.h"
#include "common/text/charsmap.h"
#include "common/text/normalizers.h"
#include "common/text/stages_json.h"
#include "common/text/unicode_normalizer.h"

namespace weft::text {
namespace {

using Made = std::unique_ptr<Normalizer>;
constexpr const char* kWhere = "normalizer";

Made make(const Json& json, int depth);

Made make_bert(const Json& json, int) {
  BertNormalizerOptions options;
  options.clean_text = bool_field(json, kWhere, "clean_text", true);
  options.handle_chinese_chars = bool_field(json, kWhere, "handle_chinese_chars", true);
  options.lowercase = bool_field(json, kWhere, "lowercase", true);
  options.strip_accents = bool_field(json, kWhere, "strip_accents", options.lowercase);
  return std::make_unique<BertNormalizer>(options);
}

Made make_sequence(const Json& json, int depth) {
  std::vector<Made> stages;
  for (const Json& item : list_field(json, kWhere, "normalizers")) stages.push_back(make(item, depth + 1));
  return std::make_unique<NormalizerSequence>(std::move(stages));
}

template <NormalForm kForm>
Made make_form(const Json&, int) {
  return std::make_unique<UnicodeNormalizer>(kForm);
}

template <class Kind>
Made make_plain(const Json&, int) {
  return std::make_unique<Kind>();
}

Made make_strip(const Json& json, int) {
  return std::make_unique<StripEnds>(bool_field(json, kWhere, "strip_left", true),
                                     bool_field(json, kWhere, "strip_right", true));
}

Made make_replace(const Json& json, int) {
  const Pattern pattern = parse_pattern(json, kWhere);
  std::string content = text_field(json, kWhere, "content");
  if (!pattern.is_regex) return std::make_unique<ReplaceText>(pattern.text, std::move(content));
  return std::make_unique<ReplaceRegex>(compile(pattern, kWhere), std::move(content));
}

Made make_prepend(const Json& json, int) { return std::make_unique<Prepend>(text_field(json, kWhere, "prepend")); }

Made make_charsmap(const Json& json, int) {
  return std::make_unique<Charsmap>(text_field(json, kWhere, "precompiled_charsmap"));
}

Made make(const Json& json, int depth) {
  if (depth > kMaxNesting) fail_at(kWhere, "nested too deep");
  static const std::vector<std::pair<std::string_view, Made (*)(const Json&, int)>> kTable = {
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

std::unique_ptr<Normalizer> make_normalizer(const Json& json) { return json.is_null() ? nullptr : make(json, 0); }

}  // namespace weft::text
