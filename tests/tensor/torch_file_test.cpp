// Files that torch.save wrote (scripts/make_torch_file_fixtures.py), and attacks on them.
#include "common/tensor/torch_file.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstring>
#include <fstream>
#include <iterator>

namespace weft {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

std::filesystem::path fixture(const std::string& name) {
  return std::filesystem::path(WEFT_SOURCE_DIR) / "tests/fixtures/torch_files" / name;
}

Bytes bytes_in(const std::string& name) {
  std::ifstream file(fixture(name), std::ios::binary);
  return {std::istreambuf_iterator<char>(file), {}};
}

std::string error_of(const std::string& name) {
  const auto result = parse_torch_file(bytes_in(name));
  return result ? "" : result.error().message;
}

std::vector<float> floats(const TensorView& view) {
  std::vector<float> values(view.bytes.size() / sizeof(float));
  std::memcpy(values.data(), view.bytes.data(), view.bytes.size());
  return values;
}

void expect_inside(const TensorView& view, const Bytes& file) {
  if (view.bytes.empty()) return;
  EXPECT_GE(view.bytes.data(), file.data());
  EXPECT_LE(view.bytes.data() + view.bytes.size(), file.data() + file.size());
}

TEST(TorchFileTest, ReadsAStateDictWithItsAttributes) {
  const Safetensors file = Safetensors::open(fixture("state_dict.bin")).value();
  ASSERT_EQ(file.tensors().size(), 4U);
  const TensorView& weight = file.tensors().at("0.weight");
  EXPECT_THAT(weight.shape, ElementsAre(2, 3));
  EXPECT_THAT(floats(weight), ElementsAre(0, 1, 2, 3, 4, 5));
  EXPECT_THAT(floats(file.tensors().at("1.bias")), ElementsAre(30, 31));
}

TEST(TorchFileTest, ReadsViewsTypesAndScalars) {
  const Bytes file = bytes_in("views.bin");
  const auto tensors = parse_torch_file(file).value();
  const TensorView& back = tensors.at("back");
  EXPECT_EQ(back.dtype, DType::bf16);
  EXPECT_THAT(back.shape, ElementsAre(2, 2));
  std::uint16_t first = 0;
  std::memcpy(&first, back.bytes.data(), 2);
  EXPECT_EQ(first, 0x4000);  // 2 in bf16
  EXPECT_EQ(tensors.at("front").bytes.size(), 4U);
  EXPECT_TRUE(tensors.at("count").shape.empty());
  EXPECT_EQ(tensors.at("count").dtype, DType::i64);
  EXPECT_EQ(tensors.at("parameter").dtype, DType::f16);
}

TEST(TorchFileTest, TheOlderKindIsRefusedWithItsRemedy) {
  EXPECT_THAT(error_of("before_1_6.bin"), AllOf(HasSubstr("before 1.6"), HasSubstr("save_file")));
}

TEST(TorchFileTest, NothingIsExecuted) {
  EXPECT_THAT(error_of("hostile.bin"), HasSubstr("calls posix system"));
  EXPECT_FALSE(std::filesystem::exists("/tmp/weft_was_here"));
}

TEST(TorchFileTest, RefusesWhatIsNoListOfDenseTensors) {
  EXPECT_THAT(error_of("transposed.bin"), AllOf(HasSubstr("\"transposed\""), HasSubstr("no dense block")));
  EXPECT_THAT(error_of("nested.bin"), HasSubstr("something else than tensors"));
}

TEST(TorchFileTest, RejectsTornFilesAtEveryLength) {
  const Bytes whole = bytes_in("state_dict.bin");
  for (std::size_t size = 0; size < whole.size(); ++size)
    EXPECT_FALSE(parse_torch_file(ByteSpan(whole).first(size))) << size;
}

std::string pickle_error(const std::string& pickle) {
  const auto result = parse_state_dict_pickle(as_bytes(pickle));
  return result ? "" : result.error().message;
}

// "X": a text with its length, 'a' below 2^16.
std::string text_of(std::size_t size) {
  return {std::string("X") + static_cast<char>(size & 255U) + static_cast<char>(size >> 8 & 255U) +
          static_cast<char>(size >> 16 & 255U) + '\0' + std::string(size, 'a')};
}

TEST(TorchFileTest, TuplesNestNoDeeperThanAStateDictNeeds) {
  for (const char* one : {"\x85", "\x85q\x01"}) {  // each tuple around the one before it
    std::string pickle = ")";
    for (int i = 0; i < 300'000; ++i) pickle += one;
    EXPECT_THAT(pickle_error(pickle + "."), HasSubstr("nests tuples"));
  }
  EXPECT_THAT(pickle_error(std::string(")") + std::string(7, '\x85') + "."), HasSubstr("another kind"));
}

TEST(TorchFileTest, CopiesOfTextsAreCounted) {
  EXPECT_THAT(pickle_error(text_of((64 << 10) + 1) + "."), HasSubstr("text of 65537 bytes"));
  const std::string text = text_of(60'000);
  EXPECT_THAT(pickle_error(text + std::string(2000, '\x94') + "."), HasSubstr("too many values"));
  std::string recalls = text + "q\x01";
  for (int i = 0; i < 2000; ++i) recalls += "h\x01";
  EXPECT_THAT(pickle_error(recalls + "."), HasSubstr("too many values"));
  std::string into_one = "}" + text + "q\x01" + "K\x01s";  // the stack stays short
  for (int i = 0; i < 2000; ++i) into_one += "h\x01K\x01s";
  EXPECT_THAT(pickle_error(into_one + "."), HasSubstr("too many values"));
  EXPECT_THAT(pickle_error("c" + std::string(70'000, 'a')), HasSubstr("line without end"));
}

// Whatever one byte says, tensors lie inside the file.
TEST(TorchFileTest, SurvivesEveryChangedByte) {
  Bytes file = bytes_in("views.bin");
  for (std::size_t at = 0; at < file.size(); ++at)
    for (const int change : {0x01, 0x80, 0xff}) {
      file[at] = static_cast<std::uint8_t>(file[at] ^ change);
      if (const auto tensors = parse_torch_file(file)) {
        for (const auto& [name, view] : tensors.value()) expect_inside(view, file);
      }
      file[at] = static_cast<std::uint8_t>(file[at] ^ change);
    }
}

}  // namespace
}  // namespace weft
