// Ten thousand fresh cases and every code point against the installed reference: set WEFT_REFERENCE_PYTHON to a Python
// that has `tokenizers`.
#include <gtest/gtest.h>

#include <cstdlib>
#include <fstream>

#include "common/text/bert_normalizer.h"
#include "common/text/bert_pre_tokenizer.h"
#include "tests/text/tokenizer_support.h"

namespace weft::text {
namespace {

class LiveReferenceTest : public testing::Test {
 protected:
  void SetUp() override {
    const char* python = std::getenv("WEFT_REFERENCE_PYTHON");
    if (python == nullptr) GTEST_SKIP() << "WEFT_REFERENCE_PYTHON names no Python with `tokenizers`";
    python_ = python;
    std::string folder = (std::filesystem::temp_directory_path() / "weft_reference_XXXXXX").string();
    folder_ = mkdtemp(folder.data());
  }
  void TearDown() override {
    if (!folder_.empty()) std::filesystem::remove_all(folder_);
  }
  // Runs the script and returns the file it wrote.
  std::ifstream run(const std::string& arguments, const std::string& script = "make_tokenizer_fixtures.py") {
    const std::string out = (folder_ / "out.jsonl").string();
    const std::string command = "'" + python_ + "' '" + std::string(WEFT_SOURCE_DIR) + "/scripts/" + script + "' " +
                                arguments + " '" + out + "'";
    EXPECT_EQ(std::system(command.c_str()), 0) << command;
    return std::ifstream(out);
  }
  std::string python_;
  std::filesystem::path folder_;
};

TEST_F(LiveReferenceTest, TenThousandStrings) {
  if (!std::filesystem::exists(minilm_tokenizer())) GTEST_SKIP() << "the model is not fetched: ./run setup";
  const auto tokenizer = Tokenizer::load(minilm_tokenizer()).value();
  auto lines = run("cases '" + minilm_tokenizer().string() + "' 10000 20240607");
  std::size_t count = 0, different = 0;
  for (std::string line; std::getline(lines, line) && different < 10; ++count) {
    if (!same_as_reference(tokenizer, nlohmann::json::parse(line))) ++different;
  }
  EXPECT_EQ(count, 10'000U);
}

// Vocabularies of real models of every kind; ./run fetch tokenizers.
std::vector<std::filesystem::path> real_tokenizers() {
  std::vector<std::filesystem::path> out;
  const auto root = std::filesystem::path(WEFT_SOURCE_DIR) / ".deps/tokenizers";
  if (!std::filesystem::exists(root)) return out;
  for (const auto& entry : std::filesystem::directory_iterator(root)) out.push_back(entry.path());
  return out;
}

TEST(RealTokenizersTest, IdsOfThePublishedTestStrings) {
  if (real_tokenizers().empty()) GTEST_SKIP() << "the tokenizers are not fetched";
  std::size_t count = 0;
  for (const auto& folder : real_tokenizers()) {
    const auto tokenizer = Tokenizer::load(folder / "tokenizer.json").value();
    for (const auto& one : read_json(folder / "cases.json")) {
      const auto ids = tokenizer.encode(one[0].get<std::string>(), {.specials = Specials::without}).ids;
      EXPECT_EQ(ids, one[1].get<std::vector<TokenId>>()) << folder << one[0];
      ++count;
    }
  }
  EXPECT_EQ(count, 470U);
}

TEST_F(LiveReferenceTest, RealTokenizersOnFreshStrings) {
  if (real_tokenizers().empty()) GTEST_SKIP() << "the tokenizers are not fetched";
  for (const auto& folder : real_tokenizers()) {
    const auto file = folder / "tokenizer.json";
    const auto tokenizer = Tokenizer::load(file).value();
    auto lines = run("cases '" + file.string() + "' 600 31", "make_tokenizer_kind_fixtures.py");
    std::size_t count = 0, different = 0;
    for (std::string line; std::getline(lines, line) && different < 5; ++count) {
      if (!same_as_full_reference(tokenizer, nlohmann::json::parse(line))) ++different;
    }
    EXPECT_GT(count, 500U) << folder;
  }
}

TEST_F(LiveReferenceTest, EveryCodePoint) {
  const BertNormalizer normalizer({});
  const BertPreTokenizer pre_tokenizer;
  auto lines = run("code-points");
  std::size_t count = 0, different = 0;
  for (std::string line; std::getline(lines, line) && different < 10; ++count) {
    const auto reference = nlohmann::json::parse(line);
    std::string clean;
    normalizer.normalize(reference[0].get<std::string>(), clean);
    std::vector<std::string_view> words;
    TextPool pool;
    pre_tokenizer.split({clean}, pool, words);
    const bool same = clean == reference[1] && std::vector<std::string>(words.begin(), words.end()) == reference[2];
    EXPECT_TRUE(same) << line << " ours: " << clean;
    if (!same) ++different;
  }
  EXPECT_GT(count, 1'130'000U);
}

}  // namespace
}  // namespace weft::text
