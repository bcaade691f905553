// The ids by which a checkpoint begins, ends and pads texts, from the small files beside its tokenizer.json.
#pragma once
#include <filesystem>
#include <optional>
#include <vector>

#include "common/text/tokenizer.h"

namespace weft::text {

struct SpecialTokens {
  std::optional<TokenId> bos, eos, pad, unknown, mask;
  std::vector<TokenId> stops;  // each ends a generated answer: eos first, then those that the model declares
};

// tokenizer_config.json counts, then special_tokens_map.json, then what the model declares: in generation_config.json,
// or in config.json where there is no such file, as transformers has it. Each may be absent. Error: a file that is no
// JSON, or a token that is not in the vocabulary.
Result<SpecialTokens> read_special_tokens(const std::filesystem::path& folder, const Tokenizer& tokenizer);

}  // namespace weft::text
