// The ids by which a checkpoint begins, ends and pads texts, from the small files beside its tokenizer.json.
#pragma once
#include <filesystem>
#include <optional>
#include <vector>

#include "common/text/tokenizer.h"

namespace weft::text {

struct SpecialTokens {
  std::optional<TokenId> bos, eos, pad, unknown, mask;
  std::vector<TokenId> stops;  // each ends a generated answer: eos first, then those of generation_config.json
};

// tokenizer_config.json counts, then special_tokens_map.json, then generation_config.json; each may be absent. Error: a
// file that is no JSON, or a token that is not in the vocabulary.
Result<SpecialTokens> read_special_tokens(const std::filesystem::path& folder, const Tokenizer& tokenizer);

}  // namespace weft::text
