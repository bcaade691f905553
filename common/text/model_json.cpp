// The section "model".

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

Made make_word_piece(Json json, const Vocabulary& vocabulary, ByteWords) {
  WordPieceOptions options;
  options.unknown = id_in(vocabulary, text_field(json, kWhere, "unk_token"), "unk_token");
  options.continuing_prefix = text_field(json, kWhere, "continuing_subword_prefix");
  options.max_characters = count_field(json, kWhere, "max_input_chars_per_word");
  return std::make_unique<WordPiece>(vocabulary, options);
}

// ["a", "b"], or "a b" in older files.
std::pair<std::string, std::string> parse_merge(Json item) {
  constexpr const char* kMerges = "model.merges";
  if (item.is_list() && item.size() == 2 && item.at(0).text() && item.at(1).text()) {
    return {std::string(*item.at(0).text()), std::string(*item.at(1).text())};
  }
  if (!item.text()) fail_at(kMerges, "expected pairs of tokens");
  const std::string text(*item.text());
  const std::size_t blank = text.find(' ');
  if (blank == std::string::npos || text.find(' ', blank + 1) != std::string::npos) {
    fail_at(kMerges, "\"" + text + "\" is not two tokens with a blank between them");
  }
  return {text.substr(0, blank), text.substr(blank + 1)};
}

Made make_bpe(Json json, const Vocabulary& vocabulary, ByteWords bytes) {
  if (!json["dropout"].is_null() && json["dropout"].number() != 0.0) {
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
  for (const Json item : list_field(json, kWhere, "merges")) merges.push_back(parse_merge(item));
  return std::make_unique<Bpe>(vocabulary, merges, std::move(options));
}

Made make_unigram(Json json, const Vocabulary& vocabulary, ByteWords) {
  const std::vector<Json> list = list_field(json, kWhere, "vocab");
  std::vector<std::pair<std::string, double>> scored;
  for (std::size_t i = 0; i < vocabulary.size(); ++i) {
    const auto score = list[i].at(1).number();
    if (!score) fail_at("model.vocab", "expected a score beside \"" + vocabulary[i].first + "\"");
    scored.emplace_back(vocabulary[i].first, *score);
  }
  UnigramOptions options;
  const Json unknown = json["unk_id"];
  if (!unknown.is_null()) options.unknown = token_id(unknown, "model.unk_id");
  if (options.unknown && static_cast<std::size_t>(*options.unknown) >= scored.size()) {
    fail_at("model.unk_id", std::to_string(*options.unknown) + " is not in the vocabulary");
  }
  options.byte_fallback = bool_field(json, kWhere, "byte_fallback", false);
  return std::make_unique<Unigram>(scored, options);
}

// Old files leave the type out; then the fields tell it.
std::string type_of(Json json) {
  if (!json["type"].is_null()) return text_field(json, kWhere, "type");
  if (!json["max_input_chars_per_word"].is_null()) return "WordPiece";
  if (!json["merges"].is_null()) return "BPE";
  return json["vocab"].is_list() ? "Unigram" : text_field(json, kWhere, "type");
}

}  // namespace

Vocabulary parse_vocabulary(Json model) {
  const Json vocab = field(model, kWhere, "vocab");
  Vocabulary out;
  if (vocab.is_list()) {
    for (const Json item : vocab.items()) {
      const auto token = item.is_list() && item.size() == 2 ? item.at(0).text() : std::nullopt;
      if (!token) fail_at("model.vocab", "expected [token, score]");
      out.emplace_back(std::string(*token), static_cast<TokenId>(out.size()));
    }
    return out;
  }
  if (!vocab.is_object()) fail_at("model.vocab", "expected an object of token to id");
  for (const auto& [token, id] : vocab.fields()) out.emplace_back(std::string(token), token_id(id, "model.vocab"));
  return out;
}

ByteWords model_wants_bytes(Json model, Json pre_tokenizer) {
  const bool bytes = type_of(model) == "BPE" && !bool_field(model, kWhere, "byte_fallback", false);
  return bytes && ends_with_byte_level(pre_tokenizer) ? ByteWords::yes : ByteWords::no;
}

std::unique_ptr<Model> make_model(Json json, const Vocabulary& vocabulary, ByteWords bytes) {
  static const std::vector<std::pair<std::string_view, Made (*)(Json, const Vocabulary&, ByteWords)>> kTable = {
      {"BPE", make_bpe}, {"Unigram", make_unigram}, {"WordPiece", make_word_piece}};
  return choose(kWhere, type_of(json), kTable)(json, vocabulary, bytes);
}

}  // namespace weft::text
