#include "common/models/lora_start.h"

#include <ATen/ops/addmm.h>
#include <ATen/ops/linalg_qr.h>
#include <ATen/ops/linalg_svd.h>

#include <algorithm>
#include <cmath>
#include <cstring>
#include <vector>

#include "common/base/result.h"

namespace weft::models {
namespace {

using Rows = std::vector<std::vector<double>>;

Rows normals(RngStream& stream, std::size_t rows, std::size_t columns) {
  Rows values(rows, std::vector<double>(columns));
  for (auto& row : values)
    for (double& value : row) value = stream.normal();
  return values;
}

// Rows of length 1 at right angles, from random ones: Gram and Schmidt's way, each projection taken out at once.
Rows orthonormal(RngStream stream, std::size_t size) {
  Rows rows = normals(stream, size, size);
  for (std::size_t i = 0; i < size; ++i) {
    for (std::size_t j = 0; j < i; ++j) {
      double dot = 0;
      for (std::size_t k = 0; k < size; ++k) dot += rows[i][k] * rows[j][k];
      for (std::size_t k = 0; k < size; ++k) rows[i][k] -= dot * rows[j][k];
    }
    double square = 0;
    for (const double value : rows[i]) square += value * value;
    for (double& value : rows[i]) value /= std::sqrt(square);
  }
  return rows;
}

// A from one half of the rows of an orthonormal matrix, B from the other: B·A = 0 though neither is zero.
LowRankStart start_orthonormal(const LowRankShape& shape) {
  if (shape.rank % 2 != 0)
    throw ConfigError(shape.place + "init_lora_weights: orthonormal needs an even rank, but " + shape.a_name + " has " +
                      std::to_string(shape.rank));
  const auto rank = static_cast<std::size_t>(shape.rank);
  const auto basis = [rank, label = shape.a_name](const Rng& rng) {
    return orthonormal(rng.stream("init", label, "basis"), rank);
  };
  // values(feature, r) = sum over the half of noise(feature, k)·q(2k + odd, r) / 10, laid out by the strides.
  const auto fill = [rank, basis](const Rng& rng, const std::string& name, std::size_t features, std::size_t odd,
                                  std::size_t feature_stride, std::size_t rank_stride, std::span<float> values) {
    const Rows q = basis(rng);
    RngStream stream = rng.stream("init", name);
    const Rows noise = normals(stream, features, rank / 2);
    for (std::size_t f = 0; f < features; ++f)
      for (std::size_t r = 0; r < rank; ++r) {
        double sum = 0;
        for (std::size_t k = 0; k < rank / 2; ++k) sum += noise[f][k] * q[2 * k + odd][r];
        values[f * feature_stride + r * rank_stride] = static_cast<float>(sum / 10);
      }
  };
  const auto in = static_cast<std::size_t>(shape.in), out = static_cast<std::size_t>(shape.out);
  return {[=, name = shape.a_name](const Rng& rng, std::span<float> a) { fill(rng, name, in, 0, 1, in, a); },
          [=, name = shape.b_name](const Rng& rng, std::span<float> b) { fill(rng, name, out, 1, rank, 1, b); }};
}

void check_rank(const LowRankShape& shape, const char* init) {
  if (shape.rank > std::min(shape.in, shape.out))
    throw ConfigError(shape.place + "rank: " + std::to_string(shape.rank) + " is more than the rank of " +
                      shape.a_name + "'s weight, " + std::to_string(std::min(shape.in, shape.out)) +
                      "; init_lora_weights " + init + " cannot have it");
}

// The pair, and out of the weight with its product.
LowRankStart take_out(const at::Tensor& a_RI, const at::Tensor& b_OR, double scale, at::Tensor& weight_OI) {
  weight_OI = at::addmm(weight_OI, b_OR, a_RI, 1, -scale);
  return {start_as(a_RI), start_as(b_OR)};
}

LowRankStart start_pissa(const LowRankShape& shape, at::Tensor& weight_OI) {
  check_rank(shape, "pissa");
  const auto [u, s, vh] = at::linalg_svd(weight_OI, /*full_matrices=*/false);
  const at::Tensor root = s.narrow(0, 0, shape.rank).div(shape.scale).sqrt();
  const at::Tensor a = vh.narrow(0, 0, shape.rank).mul(root.unsqueeze(1)).contiguous();
  const at::Tensor b = u.narrow(1, 0, shape.rank).mul(root).contiguous();
  return take_out(a, b, shape.scale, weight_OI);
}

LowRankStart start_olora(const LowRankShape& shape, at::Tensor& weight_OI) {
  check_rank(shape, "olora");
  const auto [q, r] = at::linalg_qr(weight_OI);
  return take_out(r.narrow(0, 0, shape.rank).contiguous(), q.narrow(1, 0, shape.rank).contiguous(), shape.scale,
                  weight_OI);
}

// Uniform in ±1/√in, which is Kaiming's bound for the slope that PEFT gives.
Start start_uniform(const std::string& name, std::int64_t in) {
  return [name, in](const Rng& rng, std::span<float> values) {
    RngStream stream = rng.stream("init", name);
    const double bound = 1.0 / std::sqrt(static_cast<double>(in));
    for (float& value : values) value = static_cast<float>((2 * stream.uniform() - 1) * bound);
  };
}

}  // namespace

Start start_as(const at::Tensor& tensor) {
  return [host = tensor.to(at::kCPU).contiguous()](const Rng&, std::span<float> values) {
    WEFT_CHECK(static_cast<std::size_t>(host.numel()) == values.size(), "a tensor that starts as one of another size");
    std::memcpy(values.data(), host.const_data_ptr(), values.size_bytes());
  };
}

Start start_with(float value) {
  return [value](const Rng&, std::span<float> values) { std::fill(values.begin(), values.end(), value); };
}

Start start_normal(std::string name, double deviation) {
  return [name = std::move(name), deviation](const Rng& rng, std::span<float> values) {
    RngStream stream = rng.stream("init", name);
    for (float& value : values) value = static_cast<float>(stream.normal() * deviation);
  };
}

LowRankStart start_low_rank(LoraInit init, const LowRankShape& shape, at::Tensor& weight_OI) {
  switch (init) {
    case LoraInit::gaussian:
      return {start_normal(shape.a_name, 1.0 / static_cast<double>(shape.rank)), start_with(0)};
    case LoraInit::orthonormal:
      return start_orthonormal(shape);
    case LoraInit::pissa:
      return start_pissa(shape, weight_OI);
    case LoraInit::olora:
      return start_olora(shape, weight_OI);
    default:
      return {start_uniform(shape.a_name, shape.in), start_with(0)};
  }
}

}  // namespace weft::models
