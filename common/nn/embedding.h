// The input of a BERT-like encoder: dropout(LayerNorm(word[id] + position[p] + type[s])). All frozen, no gradient.
#pragma once
#include "common/nn/dropout.h"
#include "common/nn/packed.h"
#include "common/nn/residual_norm.h"

namespace weft::nn {

struct EmbeddingTables {
  at::Tensor word_VD, position_PD, type_SD;
  NormWeights norm;
};

// [T, D]. Throws Failure naming an id, position or segment outside its table.
at::Tensor embed(const Packed& batch, const EmbeddingTables& tables, const Dropout& dropout);

}  // namespace weft::nn
