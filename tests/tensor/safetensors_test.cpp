// Round trips, and one attack per promise of the reader.
#include "common/tensor/safetensors.h"

#include <gtest/gtest.h>
#include <unistd.h>

#include <fstream>

namespace weft {
namespace {

StateDict sample() {
  auto manifest = std::make_shared<const Manifest>(
      Manifest::build({{"head.weight", {2, 3}}, {"a", {4}}, {"head.bias", {2}}}).value());
  StateDict state = StateDict::zeros(manifest);
  for (std::size_t i = 0; i < state.values.size(); ++i) state.values[i] = static_cast<float>(i) - 3.5F;
  return state;
}

// Of this process: tests run side by side.
std::filesystem::path scratch() {
  const auto folder = std::filesystem::path(testing::TempDir()) / ("safetensors_" + std::to_string(::getpid()));
  std::filesystem::create_directories(folder);
  return folder;
}

std::filesystem::path write(const std::string& name, ByteSpan bytes) {
  const auto path = scratch() / name;
  std::ofstream(path, std::ios::binary)
      .write(reinterpret_cast<const char*>(bytes.data()), static_cast<std::streamsize>(bytes.size()));
  return path;
}

Bytes with_header(const std::string& header, std::size_t payload, std::optional<std::uint64_t> declared = {}) {
  Bytes file;
  const std::uint64_t length = declared.value_or(header.size());
  for (int i = 0; i < 8; ++i) file.push_back(static_cast<std::uint8_t>(length >> (8 * i)));
  file.insert(file.end(), header.begin(), header.end());
  file.resize(file.size() + payload);
  return file;
}

std::string error_of(const Bytes& file) {
  const auto result = parse_safetensors(file, nullptr);
  return result ? "" : result.error().message;
}

TEST(SafetensorsTest, RoundTripsAStateDictWithMetadata) {
  const StateDict state = sample();
  const auto path = write("round_trip.safetensors", to_safetensors(state, {{"run", "x"}}));
  const Safetensors file = Safetensors::open(path).value();
  EXPECT_EQ(file.metadata().at("run"), "x");
  const StateDict back = state_dict_from(file).value();
  EXPECT_EQ(*back.manifest, *state.manifest);
  EXPECT_EQ(back.values, state.values);
  EXPECT_EQ(back.digest(), state.digest());
}

TEST(SafetensorsTest, ManifestIsSortedAndRejectsDuplicates) {
  EXPECT_EQ(sample().manifest->tensors()[0].name, "a");
  EXPECT_EQ(sample().manifest->find("head.weight")->offset, 6U);
  EXPECT_FALSE(Manifest::build({{"a", {1}}, {"a", {2}}}));
  EXPECT_FALSE(Manifest::build({{"a", {0}}}));
  EXPECT_FALSE(Manifest::build({{"a", {std::int64_t{1} << 62, 16}}}));
}

TEST(SafetensorsTest, WidensHalfTypesExactly) {
  const std::uint16_t half[] = {0x3c00, 0xc000, 0x0001, 0x7bff}, brain[] = {0x3f80, 0xc000, 0x0080, 0x7f00};
  const auto view = [](DType dtype, const std::uint16_t* data) {
    return TensorView{dtype, {4}, {reinterpret_cast<const std::uint8_t*>(data), 8}};
  };
  const auto path =
      write("half.safetensors", to_safetensors({{"b", view(DType::bf16, brain)}, {"h", view(DType::f16, half)}}, {}));
  const StateDict state = state_dict_from(Safetensors::open(path).value()).value();
  EXPECT_EQ(std::vector<float>(state.tensor("h").begin(), state.tensor("h").end()),
            (std::vector<float>{1.0F, -2.0F, 0x1.0p-24F, 65504.0F}));
  EXPECT_EQ(std::vector<float>(state.tensor("b").begin(), state.tensor("b").end()),
            (std::vector<float>{1.0F, -2.0F, 0x1.0p-126F, 0x1.0p127F}));
}

TEST(SafetensorsTest, RejectsTornFilesAtEveryLength) {
  const Bytes whole = to_safetensors(sample());
  ASSERT_EQ(error_of(whole), "");
  for (std::size_t length = 0; length < whole.size(); ++length)
    EXPECT_NE(error_of(Bytes(whole.begin(), whole.begin() + static_cast<std::ptrdiff_t>(length))), "") << length;
}

TEST(SafetensorsTest, RejectsLyingHeaders) {
  const auto entry = [](const std::string& dtype, const std::string& shape, const std::string& offsets) {
    return R"({"x":{"dtype":")" + dtype + R"(","shape":)" + shape + R"(,"data_offsets":)" + offsets + "}}";
  };
  EXPECT_NE(error_of(with_header("{}", 0, UINT64_MAX)).find("declares"), std::string::npos);
  EXPECT_NE(error_of(with_header("{}", 4)).find("torn"), std::string::npos);
  EXPECT_NE(error_of(with_header(entry("F32", "[2]", "[0,16]"), 8)).find("outside"), std::string::npos);
  EXPECT_NE(error_of(with_header(entry("F32", "[3]", "[0,8]"), 8)).find("need 12 bytes"), std::string::npos);
  EXPECT_NE(error_of(with_header(entry("F99", "[2]", "[0,8]"), 8)).find("unknown dtype"), std::string::npos);
  EXPECT_NE(error_of(with_header(entry("F32", "[-2]", "[0,8]"), 8)).find("dimension"), std::string::npos);
  EXPECT_NE(error_of(with_header(entry("F32", "[281474976710656,281474976710656]", "[0,8]"), 8)).find("overflows"),
            std::string::npos);
  EXPECT_NE(error_of(with_header(entry("F32", "[2]", "[8,0]"), 8)).find("outside"), std::string::npos);
  const std::string deep(1 << 20, '['), close(1 << 20, ']');
  EXPECT_NE(error_of(with_header(entry("F32", "[" + deep + close + "]", "[0,8]"), 8)).find("JSON object"),
            std::string::npos);
  EXPECT_NE(error_of(with_header("[1]", 0)).find("JSON object"), std::string::npos);
  const std::string overlap =
      R"({"x":{"dtype":"F32","shape":[2],"data_offsets":[0,8]},"y":{"dtype":"F32","shape":[2],"data_offsets":[4,12]}})";
  EXPECT_NE(error_of(with_header(overlap, 12)).find("overlap"), std::string::npos);
}

TEST(SafetensorsTest, RejectsNonFiniteAndIntegerTensorsAsState) {
  StateDict state = sample();
  state.values[1] = std::numeric_limits<float>::quiet_NaN();
  const auto nan = state_dict_from(Safetensors::open(write("nan.safetensors", to_safetensors(state))).value());
  ASSERT_FALSE(nan);
  EXPECT_NE(nan.error().message.find("\"a\""), std::string::npos);
  const std::int64_t whole[] = {1};
  const TensorView view{DType::i64, {1}, {reinterpret_cast<const std::uint8_t*>(whole), 8}};
  EXPECT_FALSE(state_dict_from(Safetensors::open(write("int.safetensors", to_safetensors({{"i", view}}, {}))).value()));
}

// A folder of two shards with this index.
std::string error_with_index(const std::string& weight_map) {
  const std::filesystem::path folder = scratch() / "sharded";
  std::filesystem::remove_all(folder);
  std::filesystem::create_directories(folder);
  const std::vector<float> values{1, 2};
  const TensorView view{DType::f32, {2}, bytes_of(std::span<const float>(values))};
  write("sharded/one.safetensors", to_safetensors({{"a", view}, {"b", view}}, {}));
  write("sharded/two.safetensors", to_safetensors({{"c", view}}, {}));
  const std::string index = "{\"weight_map\": {" + weight_map + "}}";
  write("sharded/model.safetensors.index.json", as_bytes(index));
  const auto opened = Safetensors::open(folder);
  if (!opened) return opened.error().message;
  EXPECT_EQ(opened.value().tensors().size(), 3U);
  return "";
}

TEST(SafetensorsTest, ShardsHoldWhatTheIndexLists) {
  const std::string a = R"("a": "one.safetensors")", b = R"(, "b": "one.safetensors")",
                    c = R"(, "c": "two.safetensors")";
  const auto says = [](const std::string& error, const std::string& what) {
    return error.find(what) != std::string::npos;
  };
  EXPECT_EQ(error_with_index(a + b + c), "");
  EXPECT_TRUE(says(error_with_index(a + c), "\"b\" of one.safetensors is not listed"));
  EXPECT_TRUE(says(error_with_index(a + b + c + R"(, "d": "two.safetensors")"), "\"d\" is not in two.safetensors"));
  EXPECT_TRUE(says(error_with_index(a + R"(, "b": "two.safetensors")" + c), "is in one.safetensors, not in two"));
  EXPECT_TRUE(says(error_with_index(a + b + c + R"(, "d": "three.safetensors")"), "three.safetensors"));
  EXPECT_TRUE(says(error_with_index(R"("a": "../one.safetensors")"), "not a plain file name"));
}

TEST(SafetensorsTest, NamesTheRemedyForAFolderWithoutWeights) {
  const auto missing = Safetensors::open(scratch());
  ASSERT_FALSE(missing);
  EXPECT_NE(missing.error().message.find("model.safetensors"), std::string::npos);
}

}  // namespace
}  // namespace weft
