// A linear layer whose weight never changes, behind one interface of the weight's storage format: forward, and the
// backward of activations only. fp32 today; a smaller format is one more class.
// Suffixes: T packed tokens · I in features · O out features. Immutable, so any thread, and shared between sites.
#pragma once
#include <ATen/core/Tensor.h>

#include <memory>

namespace weft::nn {

class FrozenLinear {
 public:
  virtual ~FrozenLinear() = default;
  virtual std::int64_t in_features() const = 0;
  virtual std::int64_t out_features() const = 0;
  virtual at::Tensor forward(const at::Tensor& x_TI) const = 0;    // x·Wᵀ without bias, [T, O]
  virtual at::Tensor backward(const at::Tensor& dy_TO) const = 0;  // dy·W, [T, I]
  virtual const at::Tensor& bias_O() const = 0;                    // undefined: none
  // The layer of output features [begin, end), sharing this one's storage.
  virtual std::shared_ptr<const FrozenLinear> outputs(std::int64_t begin, std::int64_t end) const = 0;
};

// weight [O, I] and bias [O] (undefined: none), fp32 on one device. Kept as they are: give 64-byte aligned memory.
std::shared_ptr<const FrozenLinear> frozen_fp32(at::Tensor weight_OI, at::Tensor bias_O);

}  // namespace weft::nn
