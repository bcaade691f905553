// Host values on their way to a device, which does not make the host wait: a GPU takes them from pinned memory, which
// LibTorch does not give out again until they are copied.
#pragma once
#include <ATen/core/Tensor.h>
#include <ATen/ops/empty.h>

#include <algorithm>
#include <cstdint>
#include <vector>

namespace weft::nn {

// On the host, to be filled and given to sent().
inline at::Tensor host_tensor(at::IntArrayRef shape, at::ScalarType type, at::Device device) {
  return at::empty(shape, at::TensorOptions(type).pinned_memory(device.is_cuda()));
}
// `host` on `device`; itself where that is the CPU. Do not write to it afterwards.
inline at::Tensor sent(const at::Tensor& host, at::Device device) { return host.to(device, /*non_blocking=*/true); }

template <class T>
at::Tensor sent(const std::vector<T>& values, at::Device device) {
  const at::Tensor host =
      host_tensor({static_cast<std::int64_t>(values.size())}, c10::CppTypeToScalarType<T>::value, device);
  std::copy(values.begin(), values.end(), host.mutable_data_ptr<T>());
  return sent(host, device);
}

}  // namespace weft::nn
