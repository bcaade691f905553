// The stages that a tokenizer.json names, put together. Internal to this library.
#pragma once
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "common/text/added_tokens.h"
#include "common/text/decoder.h"
#include "common/text/model.h"
#include "common/text/normalizer.h"
#include "common/text/post_processor.h"
#include "common/text/pre_tokenizer.h"
#include "common/text/token_table.h"

namespace weft::text {

struct TokenizerParts {
  std::unique_ptr<Normalizer> normalizer;  // null: text stays as it is
  std::unique_ptr<PreTokenizer> pre_tokenizer;
  std::unique_ptr<Model> model;
  PostProcessor post_processor;
  std::unique_ptr<Decoder> decoder;  // null: tokens with blanks between them
  std::vector<AddedToken> added;
  std::vector<std::string> tokens;  // by id; empty where an id is not used
  TokenTable ids;
};

// Throws Failure naming the component that is malformed or not supported.
TokenizerParts parse_tokenizer_json(std::string_view json);

}  // namespace weft::text
