// What a base model's digest is of, and which lists are lists.
#include "common/tensor/base_files.h"

#include <gtest/gtest.h>

#include <set>

#include "common/base/digest.h"
#include "common/base/file.h"
#include "common/tensor/safetensors.h"

namespace weft {
namespace {

class BaseFilesTest : public testing::Test {
 protected:
  BaseFilesTest() {
    std::string name = testing::TempDir() + "baseXXXXXX";
    folder_ = ::mkdtemp(name.data());
    write("config.json", "{}");
    write("model.safetensors", "weights");
  }
  ~BaseFilesTest() override { std::filesystem::remove_all(folder_); }
  void write(const std::string& name, const std::string& text) {
    ASSERT_TRUE(write_atomic(folder_ / name, as_bytes(text)));
  }
  std::string digest() const { return base_digest(base_files_of(folder_)); }
  std::filesystem::path folder_;
};

TEST_F(BaseFilesTest, TheDigestIsThatOfTheLinesOfSha256sum) {
  const std::string lines =
      sha256_hex(as_bytes("{}")) + "  config.json\n" + sha256_hex(as_bytes("weights")) + "  model.safetensors\n";
  EXPECT_EQ(digest(), sha256_hex(as_bytes(lines)));
  EXPECT_EQ(total_bytes(base_files_of(folder_)), 9U);
}

TEST_F(BaseFilesTest, IsOfAllThatMakesInputsAndWeights) {
  std::set<std::string> seen{digest()};
  for (const char* name :
       {"config.json", "model.safetensors", "tokenizer.json", "tokenizer_config.json", "special_tokens_map.json",
        "chat_template.jinja", "generation_config.json", "preprocessor_config.json", "processor_config.json"})
    for (const char* text : {"{ }", "{  }"}) {
      write(name, text);
      EXPECT_TRUE(seen.insert(digest()).second) << name << text;
    }
  write("README.md", "not read");
  EXPECT_FALSE(seen.insert(digest()).second);
}

TEST_F(BaseFilesTest, ShardsCountWithTheirIndexAndNoOthers) {
  std::filesystem::remove(folder_ / "model.safetensors");
  write("model.safetensors.index.json", R"({"weight_map": {"a": "one.safetensors", "b": "two.safetensors"}})");
  for (const char* name : {"one.safetensors", "two.safetensors", "three.safetensors"}) write(name, name);
  std::vector<std::string> names;
  for (const BaseFile& file : base_files_of(folder_)) names.push_back(file.name);
  EXPECT_EQ(names, (std::vector<std::string>{"config.json", "model.safetensors.index.json", "one.safetensors",
                                             "two.safetensors"}));
  const std::string before = digest();
  write("two.safetensors", "other");
  EXPECT_NE(digest(), before);
}

TEST_F(BaseFilesTest, NamesAFileThatCannotTravel) {
  write("tokenizer.json", "");
  EXPECT_THROW(base_files_of(folder_), ConfigError);
  std::filesystem::remove(folder_ / "tokenizer.json");
  std::filesystem::remove(folder_ / "model.safetensors");
  EXPECT_THROW(base_files_of(folder_), ConfigError);
}

}  // namespace
}  // namespace weft
