// weft generate on the real SmolLM2-135M-Instruct. Skips where scripts/fetch_assets.py did not put it.
#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

#include "tests/cli/weft_support.h"

namespace weft::cli {
namespace {

TEST(GenerateSlowTest, AnswersAQuestion) {
  const auto model = std::filesystem::path(WEFT_SOURCE_DIR) / ".deps/models/SmolLM2-135M-Instruct";
  if (!std::filesystem::exists(model / "model.safetensors"))
    GTEST_SKIP() << model << " is not there; scripts/fetch_assets.py fetches it";
  const Ended ended = weft(
      {"generate", model.string(), "--chat", "What is the capital of France?", "--max-new-tokens", "40", "--json"});
  ASSERT_EQ(ended.code, 0) << ended.err;
  const auto answer = nlohmann::json::parse(ended.out);
  EXPECT_EQ(answer["text"], "The capital of France is Paris.");
  EXPECT_EQ(answer["stop"], "stop_token");
}

}  // namespace
}  // namespace weft::cli
