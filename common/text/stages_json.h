// From the sections of a tokenizer.json to the stages, each chosen by its "type" from a table: a new kind is a class
// and a line in the table of its file. All throw Failure naming what is malformed or not supported. Internal to this
// library.
#pragma once
#include <memory>

#include "common/text/added_tokens.h"
#include "common/text/decoder.h"
#include "common/text/json_fields.h"
#include "common/text/model.h"
#include "common/text/normalizer.h"
#include "common/text/post_processor.h"
#include "common/text/pre_tokenizer.h"
#include "common/text/regex.h"
#include "common/text/token_table.h"

namespace weft::text {

// Whether words reach the model as bytes, and not in the byte alphabet.
enum class ByteWords { no, yes };

std::unique_ptr<Normalizer> make_normalizer(Json json);
std::unique_ptr<PreTokenizer> make_pre_tokenizer(Json json, ByteWords bytes);
bool ends_with_byte_level(Json pre_tokenizer);
Vocabulary parse_vocabulary(Json model);
ByteWords model_wants_bytes(Json model, Json pre_tokenizer);
std::unique_ptr<Model> make_model(Json json, const Vocabulary& vocabulary, ByteWords bytes);
PostProcessor make_post_processor(Json json);
std::unique_ptr<Decoder> make_decoder(Json json);

// {"String": ...} or {"Regex": ...}.
struct Pattern {
  std::string text;
  bool is_regex = false;
};
Pattern parse_pattern(Json object, const std::string& where);
Regex compile(const Pattern& pattern, const std::string& where);

// A sequence of stages deeper than this is refused.
inline constexpr int kMaxNesting = 8;

}  // namespace weft::text
