#include "common/train/train_state.h"

#include <ATen/core/grad_mode.h>
#include <ATen/ops/from_blob.h>

#include <charconv>
#include <string>
#include <vector>

#include "common/base/result.h"
#include "common/tensor/safetensors.h"

namespace weft::train {
namespace {

constexpr const char* kLeaves = "leaves";

// Shortest form that reads back as the same number.
template <class Number>
std::string text_of(Number value) {
  char text[32];
  return {text, std::to_chars(text, text + sizeof text, value).ptr};
}

template <class Number>
void read_number(const std::map<std::string, std::string>& from, const char* key, Number& value) {
  const auto found = from.find(key);
  if (found == from.end()) throw Failure(std::string("a kept training has no \"") + key + "\"");
  const char *begin = found->second.data(), *end = begin + found->second.size();
  if (std::from_chars(begin, end, value).ptr != end)
    throw Failure(std::string("a kept training has no number in \"") + key + "\"");
}

// What the image holds: the leaves, then the optimizer's state.
std::vector<std::pair<std::string, at::Tensor>> parts_of(const nn::Trainable& params, const Optimizer& optimizer) {
  std::vector<std::pair<std::string, at::Tensor>> parts{{kLeaves, params.flat()}};
  const std::vector<at::Tensor> state = optimizer.state();
  for (std::size_t i = 0; i < state.size(); ++i) parts.emplace_back("optimizer." + std::to_string(i), state[i]);
  return parts;
}

}  // namespace

Bytes training_image(const TrainState& state, const nn::Trainable& params, const Optimizer& optimizer) {
  const at::NoGradGuard no_grad;
  std::vector<at::Tensor> kept;
  std::vector<NamedTensor> tensors;
  for (const auto& [name, part] : parts_of(params, optimizer)) {
    const at::Tensor& values = kept.emplace_back(part.detach().cpu().contiguous());
    tensors.push_back({name,
                       {.dtype = DType::f32,
                        .shape = {values.numel()},
                        .bytes = {static_cast<const std::uint8_t*>(values.const_data_ptr()), values.nbytes()}}});
  }
  return to_safetensors(tensors, {{"steps", text_of(state.steps)},
                                  {"tokens", text_of(state.tokens)},
                                  {"loss_sum", text_of(state.loss_sum)},
                                  {"seconds", text_of(state.seconds)}});
}

TrainState restore_training(ByteSpan image, nn::Trainable& params, Optimizer& optimizer) {
  const at::NoGradGuard no_grad;
  std::map<std::string, std::string> metadata;
  const Result<std::map<std::string, TensorView>> tensors = parse_safetensors(image, &metadata);
  if (!tensors) throw Failure("a kept training cannot be read: " + tensors.error().message);
  TrainState state;
  read_number(metadata, "steps", state.steps);
  read_number(metadata, "tokens", state.tokens);
  read_number(metadata, "loss_sum", state.loss_sum);
  read_number(metadata, "seconds", state.seconds);
  const auto parts = parts_of(params, optimizer);
  for (const auto& [name, part] : parts) {
    const auto found = tensors.value().find(name);
    if (found == tensors.value().end() || found->second.dtype != DType::f32 ||
        found->second.bytes.size() != part.nbytes() || tensors.value().size() != parts.size())
      throw Failure("a kept training is of another model or optimizer: tensor \"" + name + "\"");
  }
  for (const auto& [name, part] : parts) {
    const TensorView& view = tensors.value().at(name);
    const at::Tensor values = at::from_blob(const_cast<std::uint8_t*>(view.bytes.data()), part.sizes(), at::kFloat);
    at::Tensor(part).copy_(values);
  }
  return state;
}

}  // namespace weft::train
