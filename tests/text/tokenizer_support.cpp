// Comparing with the reference, case by case.
#include "tests/text/tokenizer_support.h"

#include <gtest/gtest.h>

#include <algorithm>

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

bool same_as_full_reference(const Tokenizer& tokenizer, const nlohmann::json& reference) {
  EncodeOptions options;
  options.max_tokens = reference[2].get<std::size_t>();
  options.specials = reference[3] ? Specials::with : Specials::without;
  options.side = reference[4] == "right" ? TruncationSide::right : TruncationSide::left;
  options.strategy =
      reference[5] == "longest_first" ? TruncationStrategy::longest_first : TruncationStrategy::only_first;
  const auto text = reference[0].get<std::string>();
  const Encoding ours = reference[1].is_null() ? tokenizer.encode(text, options)
                                               : tokenizer.encode_pair(text, reference[1].get<std::string>(), options);
  const auto ids = reference[6].get<std::vector<TokenId>>();
  const auto seconds = std::count(ours.type_ids.begin(), ours.type_ids.end(), 1);
  EXPECT_EQ(ours.ids, ids) << reference.dump();
  EXPECT_EQ(seconds, reference[7].get<std::ptrdiff_t>()) << reference.dump();
  const auto decoded = reference[8].is_null() ? ids : reference[8].get<std::vector<TokenId>>();
  const auto without = reference[9].get<std::string>();
  const auto with = reference[10].is_null() ? without : reference[10].get<std::string>();
  EXPECT_EQ(tokenizer.decode(decoded), without) << reference.dump();
  EXPECT_EQ(tokenizer.decode(decoded, Specials::with), with) << reference.dump();
  return ours.ids == ids && tokenizer.decode(decoded) == without && tokenizer.decode(decoded, Specials::with) == with;
}

}  // namespace weft::text
