// Comparing with the reference, case by case.
#include "tests/text/tokenizer_support.h"

#include <gtest/gtest.h>

#include "common/base/file.h"

namespace weft::text {

std::filesystem::path fixture(const std::string& name) {
  return std::filesystem::path(WEFT_SOURCE_DIR) / "tests/fixtures/tokenizer" / name;
}

std::filesystem::path minilm_tokenizer() {
  return std::filesystem::path(WEFT_SOURCE_DIR) / ".deps/models/all-MiniLM-L6-v2/tokenizer.json";
}

nlohmann::json read_json(const std::filesystem::path& path) { return nlohmann::json::parse(read_text(path).value()); }

bool same_as_reference(const Tokenizer& tokenizer, const nlohmann::json& reference) {
  const auto text = reference[0].get<std::string>();
  const auto limit = reference[2].get<std::size_t>();
  const Encoding ours = reference[1].is_null() ? tokenizer.encode(text, limit)
                                               : tokenizer.encode_pair(text, reference[1].get<std::string>(), limit);
  const auto ids = reference[3].get<std::vector<TokenId>>();
  std::vector<TokenId> types(ids.size());
  std::fill(types.end() - reference[4].get<std::ptrdiff_t>(), types.end(), 1);
  EXPECT_EQ(ours.ids, ids) << reference.dump();
  EXPECT_EQ(ours.type_ids, types) << reference.dump();
  return ours.ids == ids && ours.type_ids == types;
}

}  // namespace weft::text
