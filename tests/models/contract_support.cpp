#include "tests/models/contract_support.h"

#include <ATen/core/grad_mode.h>
#include <ATen/ops/zeros_like.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>

#include "common/checkpoint/merge.h"

namespace weft::models {

void expect_steps_reach_what_is_trained(const Model& model, const OutputFn& loss_of) {
  nn::Trainable params(model.initial_state(Rng(3)), at::kCPU, true);
  at::Tensor reached = at::zeros_like(params.flat());
  double first = 0, last = 0;
  for (int step = 0; step < 3; ++step) {
    params.zero_grad();
    const at::Tensor loss = loss_of(model, params);
    loss.backward();
    (step == 0 ? first : last) = loss.item().toDouble();
    const at::NoGradGuard guard;
    reached = reached.add(params.grad().abs());
    params.flat().sub_(params.grad(), 0.05 / params.grad().norm().item().toDouble());
  }
  EXPECT_LT(last, first);
  EXPECT_TRUE(std::isfinite(last));
  std::vector<std::string> still;
  for (const TensorSpec& spec : model.manifest()->tensors()) {
    const auto offset = static_cast<std::int64_t>(spec.offset), size = static_cast<std::int64_t>(spec.size);
    if (reached.narrow(0, offset, size).max().item().toDouble() == 0) still.push_back(spec.name);
  }
  EXPECT_THAT(still, testing::IsEmpty());
}

void expect_merged_computes_the_same(const Model& model, const std::filesystem::path& base, const OwnFolder& place,
                                     double noise, std::size_t classes, const OutputFn& output) {
  copy_in_fp32(base, place / "base");
  const StateDict start = model.initial_state(Rng(3));
  checkpoint::PeftFolder trained{.config = {.base_model = "base",
                                            .task = model.task(),
                                            .adapter = model.adapter(),
                                            .fan_in_fan_out = model.fan_in_fan_out()},
                                 .state = start,
                                 .facts = {}};
  RngStream random = Rng(5).stream("noise");
  for (float& value : trained.state.values) value += static_cast<float>(noise * random.normal());
  const at::Tensor expected = output(model, nn::Trainable(trained.state, at::kCPU, false));
  checkpoint::write_merged(place / "base", checkpoint::without_changed_base(trained, start), place / "merged");
  const auto merged = load_as_it_is(place / "merged", model.task(), classes);
  const nn::Trainable nothing(merged->initial_state(Rng(1)), at::kCPU, false);
  EXPECT_LT(largest_difference(output(*merged, nothing), expected),
            5e-5 * (1 + expected.abs().max().item().toDouble()));
}

}  // namespace weft::models
