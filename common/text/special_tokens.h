// The ids by which a checkpoint begins, ends and pads texts, from the small files beside its tokenizer.json.
#pragma once
#include <filesystem>
#include <map>
#include <optional>
#include <string>
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

// The files that say the texts of special tokens; what the first says counts.
inline constexpr const char* kTokenFiles[] = {"tokenizer_config.json", "special_tokens_map.json"};
// What one of them says: texts by key, such as "bos_token". Empty where there is no such file; Error: it is no JSON
// object.
Result<std::map<std::string, std::string>> special_token_texts(const std::filesystem::path& file);

}  // namespace weft::text
