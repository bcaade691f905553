// What the parts of a network share during one forward pass, and tensors that may be trained.
#pragma once
#include <ATen/core/Tensor.h>

#include <string>
#include <vector>

#include "common/base/rng.h"
#include "common/nn/packed.h"
#include "common/nn/trainable.h"

namespace weft::models {

struct Step {
  const nn::Trainable& params;
  RngStream* rng = nullptr;  // dropout draws from it; nullptr: no dropout
};

// What a model reads: packed tokens, pixels [N, 3, H, W] in fp32, or both.
struct Inputs {
  nn::Packed tokens;
  at::Tensor pixels_N3HW;
};

// The tokens whose final states are asked for. The last layer works only where these need it.
struct Rows {
  enum class Kind { all, first, last, chosen };  // first, last: of each sequence
  Kind kind = Kind::all;
  at::Tensor indices_R;  // chosen: int64 indices into T, on the model's device

  static Rows all() { return {}; }
  static Rows first() { return {.kind = Kind::first, .indices_R = {}}; }
  static Rows last() { return {.kind = Kind::last, .indices_R = {}}; }
  static Rows chosen(at::Tensor indices_R) { return {.kind = Kind::chosen, .indices_R = std::move(indices_R)}; }
  bool one_a_sequence() const { return kind == Kind::first || kind == Kind::last; }
  // The indices, on `device`; not of `all`.
  at::Tensor indices(const nn::Packed& batch, at::Device device) const;
};

// A tensor of the checkpoint: frozen, or trained under a name of the manifest.
class Parameter {
 public:
  Parameter() = default;
  explicit Parameter(at::Tensor frozen) : frozen_(std::move(frozen)) {}
  static Parameter trained_as(std::string name) {
    Parameter parameter;
    parameter.name_ = std::move(name);
    return parameter;
  }
  bool trained() const { return !name_.empty(); }
  bool defined() const { return trained() || frozen_.defined(); }
  const at::Tensor& frozen() const { return frozen_; }  // undefined when trained
  const at::Tensor& operator()(const Step& step) const { return trained() ? step.params.leaf(name_) : frozen_; }

 private:
  at::Tensor frozen_;
  std::string name_;
};

}  // namespace weft::models
