// The trainable tensors as autograd leaves over one flat fp32 buffer, in manifest order, with gradients in a second
// flat buffer of the same layout. One owner, one thread.
#pragma once
#include <ATen/core/Tensor.h>

#include <memory>
#include <string_view>
#include <vector>

#include "common/tensor/state_dict.h"

namespace weft::nn {

class Trainable {
 public:
  // Copies `state` to `device`. With gradients, each leaf requires grad and its .grad is a view of grad().
  Trainable(const StateDict& state, at::Device device, bool gradients);
  const at::Tensor& leaf(std::string_view name) const;               // WEFT_CHECKs that it exists
  const std::vector<at::Tensor>& leaves() const { return leaves_; }  // manifest order
  const at::Tensor& flat() const { return flat_; }                   // [P]
  const at::Tensor& grad() const { return grad_; }                   // [P]
  const std::shared_ptr<const Manifest>& manifest() const { return manifest_; }
  void zero_grad();
  StateDict to_state_dict() const;  // a copy on the CPU

 private:
  std::shared_ptr<const Manifest> manifest_;
  at::Tensor flat_, grad_;
  std::vector<at::Tensor> leaves_;
};

}  // namespace weft::nn
