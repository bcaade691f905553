// Cases made by the reference, and the loop that compares.
#pragma once
#include <filesystem>
#include <nlohmann/json.hpp>
#include <string>

#include "common/text/tokenizer.h"

namespace weft::text {

std::filesystem::path fixture(const std::string& name);  // in tests/fixtures/tokenizer
std::filesystem::path minilm_tokenizer();                // may not be there
nlohmann::json read_json(const std::filesystem::path& path);
// A case is [text, pair or null, max_tokens, ids, ids of the pair]. True when ours are the same; reports a difference.
bool same_as_reference(const Tokenizer& tokenizer, const nlohmann::json& reference);
// Same for the cases of make_tokenizer_kind_fixtures.py, which have every option and decoded texts.
bool same_as_full_reference(const Tokenizer& tokenizer, const nlohmann::json& reference);

}  // namespace weft::text
