// Maps a checkpoint and hands its tensors out by name.
#include "common/models/checkpoint.h"

#include <ATen/ops/empty.h>
#include <ATen/ops/from_blob.h>
#include <ATen/ops/zeros.h>

#include <cstring>

#include "common/base/joined.h"
#include "common/base/result.h"
#include "common/tensor/safetensors.h"

namespace weft::models {

struct Checkpoint::Files {
  Safetensors tensors;
};

namespace {

std::shared_ptr<const Checkpoint::Files> open_files(const std::filesystem::path& folder) {
  Result<Safetensors> opened = Safetensors::open(folder);
  if (!opened) throw ConfigError(opened.error().message);
  return std::make_shared<const Checkpoint::Files>(Checkpoint::Files{std::move(opened).value()});
}

constexpr std::size_t kShown = 20;

std::optional<at::ScalarType> scalar_type(DType dtype) {
  switch (dtype) {
    case DType::f32:
      return at::kFloat;
    case DType::f16:
      return at::kHalf;
    case DType::bf16:
      return at::kBFloat16;
    default:
      return std::nullopt;
  }
}

}  // namespace

std::string shape_text(at::IntArrayRef shape) {
  std::string text = "[";
  for (const std::int64_t size : shape) text += (text.size() > 1 ? ", " : "") + std::to_string(size);
  return text + "]";
}

Checkpoint::Checkpoint(const std::filesystem::path& folder)
    : folder_(folder), config_(folder / "config.json"), files_(open_files(folder)) {}
Checkpoint::~Checkpoint() = default;

std::optional<std::vector<std::int64_t>> Checkpoint::shape_of(const std::string& name) const {
  const auto found = files_->tensors.tensors().find(name);
  if (found == files_->tensors.tensors().end()) return std::nullopt;
  return found->second.shape;
}

const void* TensorReader::find(const std::string& name, at::IntArrayRef shape) {
  const auto& tensors = checkpoint_.files_->tensors.tensors();
  const auto at = tensors.find(name);
  used_.insert(name);
  if (at == tensors.end()) {
    missing_.push_back(name + " " + shape_text(shape));
    count_unmet(shape);
    return nullptr;
  }
  const TensorView& view = at->second;
  if (at::IntArrayRef(view.shape) == shape && scalar_type(view.dtype)) return &view;
  misshaped_.push_back(name + ": got " + shape_text(view.shape) + " of " + name_of(view.dtype) + ", expected " +
                       shape_text(shape) + " of f32, f16 or bf16");
  count_unmet(shape);
  return nullptr;
}

// Sizes come from config.json, and what is missing goes on as a tensor of that size: no more of it than some times what
// the files hold, or a wrong number would end in a failed allocation instead of in the list of what is wrong.
void TensorReader::count_unmet(at::IntArrayRef shape) {
  std::int64_t needed = 1, held = 0;
  bool huge = false;
  for (const std::int64_t size : shape) huge = huge || __builtin_mul_overflow(needed, size, &needed);
  for (const auto& [name, view] : checkpoint_.files_->tensors.tensors()) held += std::ssize(view.bytes);
  huge = huge || __builtin_add_overflow(unmet_, needed, &unmet_);
  if (huge || unmet_ > 4 * held) fail({});
}

// Of the expected shape and next to no memory; finish() throws before anyone reads it.
at::Tensor TensorReader::stand_in(at::IntArrayRef shape) { return at::zeros({1}, at::kFloat).expand(shape); }

at::Tensor TensorReader::copy(const std::string& name, at::IntArrayRef shape) {
  const auto* found = static_cast<const TensorView*>(find(name, shape));
  if (found == nullptr) return stand_in(shape);
  at::Tensor tensor = at::empty(shape, at::kFloat);
  const at::Tensor mapped =
      at::from_blob(const_cast<std::uint8_t*>(found->bytes.data()), shape, *scalar_type(found->dtype));
  return tensor.copy_(mapped).to(device_);
}

at::Tensor TensorReader::view(const std::string& name, at::IntArrayRef shape) {
  const auto* found = static_cast<const TensorView*>(find(name, shape));
  if (found == nullptr) return stand_in(shape);
  if (found->dtype != DType::f32 || !device_.is_cpu()) return copy(name, shape);
  return at::from_blob(
      const_cast<std::uint8_t*>(found->bytes.data()), shape,
      [files = checkpoint_.files_](void*) mutable { files.reset(); }, at::kFloat);
}

std::vector<std::string> TensorReader::finish(const std::function<bool(const std::string&)>& may_be_over) const {
  std::vector<std::string> extra, over;
  for (const auto& [name, view] : checkpoint_.files_->tensors.tensors()) {
    bool ignored = used_.count(name) != 0;
    for (const std::string& prefix : ignored_) ignored = ignored || name.rfind(prefix, 0) == 0;
    if (!ignored) (may_be_over(name) ? over : extra).push_back(name + " " + shape_text(view.shape));
  }
  if (!missing_.empty() || !misshaped_.empty() || !extra.empty()) fail(extra);
  return over;
}

void TensorReader::fail(const std::vector<std::string>& extra) const {
  throw ConfigError(checkpoint_.folder().string() + ": the tensors are not what config.json says." +
                    listed("missing", missing_, kShown) + listed("of another shape or type", misshaped_, kShown) +
                    listed("not expected", extra, kShown) + "\n  Fetch the model again, or check its config.json.");
}

}  // namespace weft::models
