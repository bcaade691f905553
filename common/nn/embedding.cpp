#include "common/nn/embedding.h"

#include <ATen/ops/add.h>
#include <ATen/ops/embedding.h>
#include <ATen/ops/empty.h>
#include <ATen/ops/index_select.h>
#include <ATen/ops/layer_norm.h>

#include <algorithm>
#include <string>

#include "common/nn/autograd.h"
#include "common/nn/norm_kernels.h"
#include "common/nn/parallel.h"

namespace weft::nn {
namespace {

struct Tables {
  const float *word, *position, *type;
  const std::int64_t *ids, *positions, *types;
};

struct EmbedKernel {
  template <int W>
  static WEFT_INLINE void run(Tables tables, float* y, NormRow norm, DropRow drop, std::int64_t begin,
                              std::int64_t end) {
    using S = Simd<W>;
    for (std::int64_t row = begin; row < end; ++row) {
      const float* word = tables.word + tables.ids[row] * norm.columns;
      const float* position = tables.position + tables.positions[row] * norm.columns;
      const float* type = tables.type + tables.types[row] * norm.columns;
      float* z = y + row * norm.columns;
      for (std::int64_t i = 0; i < norm.columns; i += W)
        S::store(z + i, S::load(word + i) + S::load(type + i) + S::load(position + i));
      normalise_row<W>(z, norm);
      scale_and_shift<W>(z, z, norm);
      if (drop.threshold != 0) drop_row<W>(z, nullptr, z, row, norm.columns, drop);
    }
  }
};

void check_range(const at::Tensor& ids, std::int64_t limit, const char* what) {
  const at::Tensor host = ids.is_cpu() ? ids.contiguous() : ids.to(at::kCPU);
  const std::int64_t* values = host.const_data_ptr<std::int64_t>();
  for (std::int64_t i = 0; i < host.numel(); ++i)
    if (values[i] < 0 || values[i] >= limit)
      throw Failure(std::string(what) + " " + std::to_string(values[i]) + " at token " + std::to_string(i) +
                    " of the batch; the model has " + std::to_string(limit) +
                    ". Use the tokenizer of this model, and cut texts to its longest input.");
}

at::Tensor embed_aten(const Packed& batch, const EmbeddingTables& tables, const Dropout& dropout) {
  const at::Tensor z = at::add(
      at::add(at::index_select(tables.word_VD, 0, batch.ids_T), at::index_select(tables.type_SD, 0, batch.type_ids_T)),
      at::index_select(tables.position_PD, 0, batch.position_T));
  const NormWeights& norm = tables.norm;
  return apply_dropout(at::layer_norm(z, norm.scale_D.sizes(), norm.scale_D, norm.shift_D, norm.epsilon), dropout);
}

}  // namespace

at::Tensor embed(const Packed& batch, const EmbeddingTables& tables, const Dropout& dropout) {
  if (tables.word_VD.is_cpu()) {  // a device checks its own indices, and asking it would make it wait
    check_range(batch.ids_T, tables.word_VD.size(0), "token id");
    check_range(batch.position_T, tables.position_PD.size(0), "position");
    check_range(batch.type_ids_T, tables.type_SD.size(0), "segment id");
  }
  if (!fusable(tables.word_VD)) return embed_aten(batch, tables, dropout);
  const at::Tensor ids = batch.ids_T.contiguous(), positions = batch.position_T.contiguous(),
                   types = batch.type_ids_T.contiguous();
  const Tables raw{tables.word_VD.const_data_ptr<float>(),   tables.position_PD.const_data_ptr<float>(),
                   tables.type_SD.const_data_ptr<float>(),   ids.const_data_ptr<std::int64_t>(),
                   positions.const_data_ptr<std::int64_t>(), types.const_data_ptr<std::int64_t>()};
  const NormRow norm{tables.norm.scale_D.const_data_ptr<float>(), tables.norm.shift_D.const_data_ptr<float>(),
                     static_cast<float>(tables.norm.epsilon), tables.word_VD.size(1)};
  const DropRow drop{dropout.key, static_cast<std::int32_t>(dropout.threshold), dropout.scale};
  at::Tensor y = at::empty({ids.numel(), norm.columns}, tables.word_VD.options());
  float* to = y.mutable_data_ptr<float>();
  parallel_for(ids.numel(), 1 + 8192 / norm.columns,
               [&](std::int64_t begin, std::int64_t end) { run_kernel<EmbedKernel>(raw, to, norm, drop, begin, end); });
  return y;
}

}  // namespace weft::nn
