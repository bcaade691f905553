// A base model that was trained for something else before: what of it is not used is said once, and the run goes on.
#include <gtest/gtest.h>

#include "common/tensor/safetensors.h"
#include "tests/cli/job_support.h"

namespace weft::cli {
namespace {

std::size_t times_in(const std::string& text, const std::string& part) {
  std::size_t times = 0;
  for (std::size_t at = text.find(part); at != std::string::npos; at = text.find(part, at + 1)) ++times;
  return times;
}

TEST(BaseHeadTest, AHeadOfAnotherTaskIsNamedOnce) {
  const Job job({.rounds = 1, .local_steps = 1});
  const std::filesystem::path weights = job.model() / "model.safetensors";
  const std::vector<float> values(2 * 16);
  Bytes file;
  {
    const Safetensors base = Safetensors::open(weights).value();
    std::vector<NamedTensor> tensors{
        {"qa_outputs.weight", {DType::f32, {2, 16}, bytes_of(std::span<const float>(values))}}};
    for (const auto& [name, view] : base.tensors()) tensors.push_back({name, view});
    file = to_safetensors(tensors, {{"format", "pt"}});
  }
  spit(weights, std::string(as_text(file)));
  const Ended ended = job.simulate("out");
  ASSERT_EQ(ended.code, 0) << ended.err;
  EXPECT_EQ(times_in(ended.err, "qa_outputs.weight [2, 16]"), 1U) << ended.err;
}

}  // namespace
}  // namespace weft::cli
