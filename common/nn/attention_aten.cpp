// Packed attention in ATen's own differentiable operations: gather into padded rows, attend, gather back. For devices
// and dtypes without the fused kernel, and what the fused kernel is tested against. Masks are the same bits.
#include <ATen/ops/add.h>
#include <ATen/ops/arange.h>
#include <ATen/ops/empty.h>
#include <ATen/ops/index_select.h>
#include <ATen/ops/matmul.h>
#include <ATen/ops/mul.h>
#include <ATen/ops/softmax.h>
#include <ATen/ops/tensor.h>
#include <ATen/ops/zeros.h>

#include <cmath>

#include "common/nn/attention.h"
#include "common/nn/attention_kernel.h"
#include "common/nn/philox_simd.h"

namespace weft::nn {
namespace {

// Padded place (n, i) holds row `gather[n·longest + i]` of the packed tensor; packed row t is at place scatter[t].
struct Padding {
  std::int64_t sequences, longest = 0;
  at::Tensor gather, scatter, mask;  // mask [N, 1, 1, longest]: 0, or -inf where there is no key

  Padding(const AttentionShape& shape, const at::TensorOptions& options)
      : sequences(static_cast<std::int64_t>(shape.starts.size()) - 1) {
    for (std::size_t n = 0; n + 1 < shape.starts.size(); ++n)
      longest = std::max(longest, shape.starts[n + 1] - shape.starts[n]);
    std::vector<std::int64_t> from(static_cast<std::size_t>(sequences * longest), 0), to;
    std::vector<double> hidden(from.size(), -INFINITY);
    for (std::size_t n = 0; n + 1 < shape.starts.size(); ++n)
      for (std::int64_t t = shape.starts[n]; t < shape.starts[n + 1]; ++t) {
        const std::int64_t place = static_cast<std::int64_t>(n) * longest + t - shape.starts[n];
        from[static_cast<std::size_t>(place)] = t;
        hidden[static_cast<std::size_t>(place)] = 0;
        to.push_back(place);
      }
    gather = at::tensor(from, at::kLong).to(options.device());
    scatter = at::tensor(to, at::kLong).to(options.device());
    mask = at::tensor(hidden, at::kDouble).to(options).view({sequences, 1, 1, longest});
  }

  // [T, D] to [N, heads, longest, d]
  at::Tensor heads_of(const at::Tensor& rows, std::int64_t heads) const {
    return at::index_select(rows, 0, gather).view({sequences, longest, heads, -1}).transpose(1, 2);
  }
};

// [N, heads, queries, longest]: the fused kernel's draws at padded places.
at::Tensor factors_of(const AttentionShape& shape, const Dropout& dropout, std::int64_t longest, bool one_query) {
  const auto sequences = static_cast<std::int64_t>(shape.starts.size()) - 1;
  at::Tensor factors = at::zeros({sequences, shape.heads, one_query ? 1 : longest, longest}, at::kFloat);
  const std::vector<std::int64_t> first = attention_chunks(shape, one_query);
  for (std::int64_t n = 0; n < sequences; ++n) {
    const auto at_n = static_cast<std::size_t>(n);
    const std::int64_t keys = shape.starts[at_n + 1] - shape.starts[at_n], queries = one_query ? 1 : keys;
    for (std::int64_t head = 0; head < shape.heads; ++head) {
      const std::int64_t chunk = head * first.back() + first[at_n];
      const std::int64_t chunks = first[at_n + 1] - first[at_n];
      const at::Tensor drawn = dropout_factors(dropout, chunks, kDrawsPerChunk, at::kCPU, chunk).flatten();
      factors[n][head]
          .narrow(0, 0, queries)
          .narrow(1, 0, keys)
          .copy_(drawn.narrow(0, 0, queries * padded(keys)).view({queries, padded(keys)}).narrow(1, 0, keys));
    }
  }
  return factors;
}

at::Tensor attend(const at::Tensor& q_NHqd, const at::Tensor& k_NHkd, const at::Tensor& v_NHkd, const Padding& padding,
                  const AttentionShape& shape, const Dropout& dropout) {
  const double scale = 1.0 / std::sqrt(static_cast<double>(q_NHqd.size(3)));
  const at::Tensor scores = at::add(at::matmul(at::mul(q_NHqd, scale), k_NHkd.transpose(2, 3)), padding.mask);
  at::Tensor p = at::softmax(scores, -1);
  if (dropout.active())
    p = at::mul(
        p, factors_of(shape, dropout, padding.longest, q_NHqd.size(2) == 1 && padding.longest > 1).to(p.options()));
  return at::matmul(p, v_NHkd).transpose(1, 2);  // [N, queries, H, d]
}

}  // namespace

at::Tensor self_attention_aten(const at::Tensor& qkv_T3D, const at::Tensor& bias_3D, const AttentionShape& shape,
                               const Dropout& dropout) {
  const std::int64_t width = qkv_T3D.size(1) / 3;
  const Padding padding(shape, qkv_T3D.options());
  const at::Tensor qkv = at::add(qkv_T3D, bias_3D);
  const auto part = [&](std::int64_t i) { return padding.heads_of(qkv.narrow(1, i * width, width), shape.heads); };
  const at::Tensor out = attend(part(0), part(1), part(2), padding, shape, dropout);
  return at::index_select(out.reshape({padding.sequences * padding.longest, width}), 0, padding.scatter);
}

at::Tensor pooled_attention_aten(const at::Tensor& q_ND, const at::Tensor& kv_T2D, const at::Tensor& bias_3D,
                                 const AttentionShape& shape, const Dropout& dropout) {
  const std::int64_t width = q_ND.size(1);
  const Padding padding(shape, q_ND.options());
  const at::Tensor q = at::add(q_ND, bias_3D.narrow(0, 0, width)).view({q_ND.size(0), 1, shape.heads, -1});
  const at::Tensor kv = at::add(kv_T2D, bias_3D.narrow(0, width, 2 * width));
  const at::Tensor out = attend(q.transpose(1, 2), padding.heads_of(kv.narrow(1, 0, width), shape.heads),
                                padding.heads_of(kv.narrow(1, width, width), shape.heads), padding, shape, dropout);
  return out.reshape({q_ND.size(0), width});
}

}  // namespace weft::nn
