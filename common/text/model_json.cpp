// The section "model".
#include <nlohmann/json.hpp>

#include "common/text/bpe.h"
#include "common/text/stages_json.h"
#include "common/text/unigram.h"
#include "common/text/word_piece.h"

namespace weft::text {
namespace {

using Made = std::unique_ptr<Model>;
constexpr const char* kWhere = "model";

TokenId id_in(const Vocabulary& vocabulary, const std::string& token, const char* name) {
  for (const auto& [known, id] : vocabulary) {
    if (known == token) return id;
  }
  fail_at(std::string(kWhere) + "." + name, "\"" + token + "\" is not in the vocabulary");
}

Made make_word_piece(const Json& json, const Vocabulary& vocabulary, ByteWords) {
  WordPieceOptions options;
  options.unknown = id_in(vocabulary, text_field(json, kWhere, "unk_token"), "unk_token");
  options.continuing_prefix = text_field(json, kWhere, "continuing_subword_prefix");
  options.max_characters = count_field(json, kWhere, "max_input_chars_per_word");
  return std::make_unique<WordPiece>(vocabulary, options);
}

// ["a", "b"], or "a b" in older files.
std::pair<std::string, std::string> parse_merge(const Json& item) {
  constexpr const char* kMerges = "model.merges";
  if (item.is_array() && item.size() == 2 && item[0].is_string() && item[1].is_string()) {
    return {item[0].get<std::string>(), item[1].get<std::string>()};
  }
  if (!item.is_string()) fail_at(kMerges, "expected pairs of tokens");
  const auto& text = item.get_ref<const std::string&>();
  const std::size_t blank = text.find(' ');
  if (blank == std::string::npos || text.find(' ', blank + 1) != std::string::npos) {
    fail_at(kMerges, "\"" + text + "\" is not two tokens with a blank between them");
  }
  return {text.substr(0, blank), text.substr(blank + 1)};
}

Made make_bpe(const Json& json, const Vocabulary& vocabulary, ByteWords bytes) {
  if (!optional_field(json, "dropout").is_null() && optional_field(json, "dropout") != 0.0) {
    fail_at("model.dropout", "is not supported, expected null");
  }
  BpeOptions options;
  const std::string unknown = text_field(json, kWhere, "unk_token", "");
  if (!unknown.empty()) options.unknown = id_in(vocabulary, unknown, "unk_token");
  options.continuing_prefix = text_field(json, kWhere, "continuing_subword_prefix", "");
  options.end_suffix = text_field(json, kWhere, "end_of_word_suffix", "");
  options.fuse_unknown = bool_field(json, kWhere, "fuse_unk", false);
  options.byte_fallback = bool_field(json, kWhere, "byte_fallback", false);
  options.ignore_merges = bool_field(json, kWhere, "ignore_merges", false);
  options.bytes = bytes == ByteWords::yes;
  std::vector<std::pair<std::string, std::string>> merges;
  for (const Json& item : list_field(json, kWhere, "merges")) merges.push_back(parse_merge(item));
  return std::make_unique<Bpe>(vocabulary, merges, std::move(options));
}

Made make_unigram(const Json& json, const Vocabulary& vocabulary, ByteWords) {
  const Json& list = list_field(json, kWhere, "vocab");
  std::vector<std::pair<std::string, double>> scored;
  for (std::size_t i = 0; i < vocabulary.size(); ++i) {
    if (!list[i][1].is_number()) fail_at("model.vocab", "expected a score beside \"" + vocabulary[i].first + "\"");
    scored.emplace_back(vocabulary[i].first, list[i][1].get<double>());
  }
  UnigramOptions options;
  const Json& unknown = optional_field(json, "unk_id");
  if (!unknown.is_null()) options.unknown = token_id(unknown, "model.unk_id");
  if (options.unknown && static_cast<std::size_t>(*options.unknown) >= scored.size()) {
    fail_at("model.unk_id", std::to_string(*options.unknown) + " is not in the vocabulary");
  }
  options.byte_fallback = bool_field(json, kWhere, "byte_fallback", false);
  return std::make_unique<Unigram>(scored, options);
}

// Old files leave the type out; then the fields tell it.
std::string type_of(const Json& json) {
  if (json.is_object() && json.contains("type")) return text_field(json, kWhere, "type");
  if (!optional_field(json, "max_input_chars_per_word").is_null()) return "WordPiece";
  if (!optional_field(json, "merges").is_null()) return "BPE";
  return optional_field(json, "vocab").is_array() ? "Unigram" : text_field(json, kWhere, "type");
}

}  // namespace

Vocabulary parse_vocabulary(const Json& model) {
  const Json& vocab = field(model, kWhere, "vocab");
  Vocabulary out;
  if (vocab.is_array()) {
    for (const Json& item : vocab) {
      if (!item.is_array() || item.size() != 2 || !item[0].is_string())
        fail_at("model.vocab", "expected [token, score]");
      out.emplace_back(item[0].get<std::string>(), static_cast<TokenId>(out.size()));
    }
    return out;
  }
  if (!vocab.is_object()) fail_at("model.vocab", "expected an object of token to id");
  for (const auto& [token, id] : vocab.items()) out.emplace_back(token, token_id(id, "model.vocab"));
  return out;
}

ByteWords model_wants_bytes(const Json& model, const Json& pre_tokenizer) {
  const bool bytes = type_of(model) == "BPE" && !bool_field(model, kWhere, "byte_fallback", false);
  return bytes && ends_with_byte_level(pre_tokenizer) ? ByteWords::yes : ByteWords::no;
}

std::unique_ptr<Model> make_model(const Json& json, const Vocabulary& vocabulary, ByteWords bytes) {
  static const std::vector<std::pair<std::string_view, Made (*)(const Json&, const Vocabulary&, ByteWords)>> kTable = {
      {"BPE", make_bpe}, {"Unigram", make_unigram}, {"WordPiece", make_word_piece}};
  return choose(kWhere, type_of(json), kTable)(json, vocabulary, bytes);
}

}  // namespace weft::text
