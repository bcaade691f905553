// Leaves are views into two flat buffers, so an optimizer step, a clip or an update is one operation over all of them.
#include "common/nn/trainable.h"

#include <ATen/ops/empty.h>
#include <ATen/ops/from_blob.h>
#include <ATen/ops/zeros.h>

#include <algorithm>
#include <cstring>

namespace weft::nn {

Trainable::Trainable(const StateDict& state, at::Device device, bool gradients) : manifest_(state.manifest) {
  WEFT_CHECK(manifest_ != nullptr && state.values.size() == manifest_->total(), "state dict does not fit its manifest");
  const auto total = static_cast<std::int64_t>(manifest_->total());
  flat_ = at::empty({total}, at::kFloat);
  std::memcpy(flat_.mutable_data_ptr(), state.values.data(), state.values.size() * sizeof(float));
  flat_ = flat_.to(device);
  if (gradients) grad_ = at::zeros({total}, flat_.options());
  for (const TensorSpec& spec : manifest_->tensors()) {
    const auto offset = static_cast<std::int64_t>(spec.offset), size = static_cast<std::int64_t>(spec.size);
    at::Tensor leaf = flat_.narrow(0, offset, size).view(spec.shape).detach();
    if (gradients) {
      leaf.set_requires_grad(true);
      leaf.mutable_grad() = grad_.narrow(0, offset, size).view(spec.shape);
    }
    leaves_.push_back(std::move(leaf));
  }
}

const at::Tensor& Trainable::leaf(std::string_view name) const {
  const TensorSpec* spec = manifest_->find(name);
  WEFT_CHECK(spec != nullptr, "no trainable tensor named " + std::string(name));
  return leaves_[static_cast<std::size_t>(spec - manifest_->tensors().data())];
}

void Trainable::zero_grad() {
  if (grad_.defined()) grad_.zero_();
}

StateDict Trainable::to_state_dict() const {
  StateDict state = StateDict::zeros(manifest_);
  const at::Tensor host = flat_.to(at::kCPU).contiguous();
  std::memcpy(state.values.data(), host.const_data_ptr(), state.values.size() * sizeof(float));
  return state;
}

}  // namespace weft::nn
