#include "common/nn/frozen_linear.h"

#include <ATen/ops/mm.h>

#include <utility>

#include "common/nn/few_rows.h"

namespace weft::nn {
namespace {

class FrozenFp32 final : public FrozenLinear {
 public:
  FrozenFp32(at::Tensor weight_OI, at::Tensor bias_O)
      : weight_OI_(std::move(weight_OI)), weight_IO_(weight_OI_.t()), bias_O_(std::move(bias_O)) {}

  std::int64_t in_features() const override { return weight_OI_.size(1); }
  std::int64_t out_features() const override { return weight_OI_.size(0); }
  at::Tensor forward(const at::Tensor& x_TI) const override {
    return has_few_rows(x_TI, weight_OI_) ? few_rows_product(x_TI, weight_OI_) : at::mm(x_TI, weight_IO_);
  }
  at::Tensor backward(const at::Tensor& dy_TO) const override { return at::mm(dy_TO, weight_OI_); }
  const at::Tensor& bias_O() const override { return bias_O_; }
  std::shared_ptr<const FrozenLinear> outputs(std::int64_t begin, std::int64_t end) const override {
    return frozen_fp32(weight_OI_.slice(0, begin, end),
                       bias_O_.defined() ? bias_O_.slice(0, begin, end) : at::Tensor());
  }

 private:
  at::Tensor weight_OI_, weight_IO_, bias_O_;
};

}  // namespace

std::shared_ptr<const FrozenLinear> frozen_fp32(at::Tensor weight_OI, at::Tensor bias_O) {
  return std::make_shared<FrozenFp32>(std::move(weight_OI), std::move(bias_O));
}

}  // namespace weft::nn
