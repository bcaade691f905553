// The section "pre_tokenizer".

#include "common/text/bert_pre_tokenizer.h"
#include "common/text/pre_tokenizers.h"
#include "common/text/split.h"
#include "common/text/stages_json.h"
#include "common/text/unicode_facts.h"
#include "common/text/utf8.h"
#include "common/text/word_scanner.h"

namespace weft::text {
namespace {

using Made = std::unique_ptr<PreTokenizer>;
constexpr const char* kWhere = "pre_tokenizer";

struct Context {
  ByteWords bytes = ByteWords::no;  // of the stage at hand: only the last stage may leave words as bytes
  int depth = 0;
};

Made make(Json json, Context context);

SplitBehavior behavior_field(Json json) {
  static const std::vector<std::pair<std::string_view, SplitBehavior>> kTable = {
      {"Removed", SplitBehavior::removed},
      {"Isolated", SplitBehavior::isolated},
      {"MergedWithPrevious", SplitBehavior::merged_with_previous},
      {"MergedWithNext", SplitBehavior::merged_with_next},
      {"Contiguous", SplitBehavior::contiguous},
  };
  return choose(std::string(kWhere) + ".behavior", text_field(json, kWhere, "behavior", "Isolated"), kTable);
}

Made make_sequence(Json json, Context context) {
  const std::vector<Json> list = list_field(json, kWhere, "pretokenizers");
  std::vector<Made> stages;
  for (std::size_t i = 0; i < list.size(); ++i) {
    const bool last = i + 1 == list.size();
    stages.push_back(make(list[i], {last ? context.bytes : ByteWords::no, context.depth + 1}));
  }
  return std::make_unique<PreTokenizerSequence>(std::move(stages));
}

Made make_byte_level(Json json, Context context) {
  ByteLevel::Options options;
  options.add_prefix_space = bool_field(json, kWhere, "add_prefix_space", true);
  options.raw = context.bytes == ByteWords::yes;
  if (bool_field(json, kWhere, "use_regex", true))
    options.words = WordScanner::for_pattern(WordScanner::gpt2_pattern());
  return std::make_unique<ByteLevel>(std::move(options));
}

Made make_split(Json json, Context) {
  const Pattern pattern = parse_pattern(json, kWhere);
  const SplitOptions options{behavior_field(json), bool_field(json, kWhere, "invert", false)};
  // The scanners' patterns match every character, so each match is a word however matches are isolated.
  const bool isolated =
      options.behavior == SplitBehavior::isolated || (options.behavior == SplitBehavior::removed && options.invert);
  if (pattern.is_regex && isolated) {
    if (auto scanner = WordScanner::for_pattern(pattern.text)) return scanner;
  }
  return std::make_unique<RegexSplit>(compile(pattern, kWhere), options);
}

Made make_bert(Json, Context) { return std::make_unique<BertPreTokenizer>(); }
Made make_whitespace(Json, Context) { return std::make_unique<WhitespaceWords>(); }

Made make_whitespace_split(Json, Context) {
  return std::make_unique<CodePointSplit>(is_white_space, SplitBehavior::removed);
}

Made make_digits(Json json, Context) {
  const bool individual = bool_field(json, kWhere, "individual_digits", false);
  return std::make_unique<CodePointSplit>(is_numeric, individual ? SplitBehavior::isolated : SplitBehavior::contiguous);
}

Made make_punctuation(Json json, Context) {
  return std::make_unique<CodePointSplit>(is_bert_punctuation, behavior_field(json));
}

Made make_metaspace(Json json, Context) {
  static const std::vector<std::pair<std::string_view, PrependScheme>> kSchemes = {
      {"always", PrependScheme::always}, {"first", PrependScheme::first}, {"never", PrependScheme::never}};
  Metaspace::Options options;
  options.replacement = text_field(json, kWhere, "replacement");
  if (options.replacement.empty() || count_utf8(options.replacement) != 1)
    fail_at(kWhere, "replacement is one character");
  options.prepend =
      choose(std::string(kWhere) + ".prepend_scheme", text_field(json, kWhere, "prepend_scheme", "always"), kSchemes);
  // Older files say it so.
  if (!bool_field(json, kWhere, "add_prefix_space", true)) options.prepend = PrependScheme::never;
  options.split = bool_field(json, kWhere, "split", true);
  return std::make_unique<Metaspace>(std::move(options));
}

Made make(Json json, Context context) {
  if (context.depth > kMaxNesting) fail_at(kWhere, "nested too deep");
  static const std::vector<std::pair<std::string_view, Made (*)(Json, Context)>> kTable = {
      {"BertPreTokenizer", make_bert}, {"ByteLevel", make_byte_level},    {"Digits", make_digits},
      {"Metaspace", make_metaspace},   {"Punctuation", make_punctuation}, {"Sequence", make_sequence},
      {"Split", make_split},           {"Whitespace", make_whitespace},   {"WhitespaceSplit", make_whitespace_split},
  };
  return choose(kWhere, text_field(json, kWhere, "type"), kTable)(json, context);
}

}  // namespace

bool ends_with_byte_level(Json json) {
  for (int depth = 0; depth <= kMaxNesting; ++depth) {
    const Json stages = json["pretokenizers"];
    if (!stages.is_list() || stages.size() == 0) return json["type"].is("ByteLevel");
    json = stages.at(stages.size() - 1);
  }
  return false;
}

std::unique_ptr<PreTokenizer> make_pre_tokenizer(Json json, ByteWords bytes) {
  if (json.is_null()) return std::make_unique<WholeText>();
  return make(json, {bytes, 0});
}

Pattern parse_pattern(Json object, const std::string& where) {
  const Json json = field(object, where, "pattern");
  if (!json["Regex"].is_null()) return {text_field(json, where + ".pattern", "Regex"), true};
  return {text_field(json, where + ".pattern", "String"), false};
}

Regex compile(const Pattern& pattern, const std::string& where) {
  try {
    return pattern.is_regex ? Regex(pattern.text) : Regex::of_literal(pattern.text);
  } catch (const Failure& failure) {
    fail_at(where, failure.what());
  }
}

}  // namespace weft::text
