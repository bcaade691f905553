// What the contract tests ask of every model, whatever it reads.
#pragma once
#include <functional>

#include "tests/models/adapter_support.h"

namespace weft::models {

using OutputFn = std::function<at::Tensor(const Model& model, const nn::Trainable& params)>;

// Three small steps lower the loss, and everything that is trained has had a gradient by then. Some steps, since B's
// start at zero hides A from the first.
void expect_steps_reach_what_is_trained(const Model& model, const OutputFn& loss);

// place/merged, made of place/base (a copy of `base` in fp32) and an adapter moved from its start by noise of that
// size, gives what the base with the adapter gives.
void expect_merged_computes_the_same(const Model& model, const std::filesystem::path& base, const OwnFolder& place,
                                     double noise, std::size_t classes, const OutputFn& output);

}  // namespace weft::models
