// An embedding of a network: a table whose rows are looked up, frozen or with what is trained on it: the whole table,
// or a low-rank pair beside it,
//   y = W[id] + s·A[:, id]ᵀ·Bᵀ
// Suffixes: T rows asked for · V rows of the table · D width · R rank.
// Source: Hu et al. 2021, "LoRA", arXiv:2106.09685, section 4.1; names and start as PEFT's lora.Embedding has them.
#pragma once
#include <ATen/core/Tensor.h>

#include <cstdint>
#include <string>

#include "common/models/step.h"

namespace weft::models {

// By names of the manifest; empty: not there.
struct TrainedTable {
  std::string whole;
  std::string a_RV, b_DR;
  double scale = 1;  // of the pair
};

class Embedding {
 public:
  Embedding() = default;
  // `padding`: the row whose gradient is zero, as torch.nn.Embedding's padding_idx; -1: none.
  Embedding(at::Tensor frozen_VD, TrainedTable trained, std::int64_t padding = -1)
      : frozen_VD_(std::move(frozen_VD)), trained_(std::move(trained)), padding_(padding) {}
  bool defined() const { return frozen_VD_.defined(); }
  bool trained() const { return !trained_.whole.empty() || !trained_.a_RV.empty(); }
  const at::Tensor& frozen() const { return frozen_VD_; }  // as the checkpoint has it, whatever is trained
  // [T, D]; ids [T] int64, each in [0, V).
  at::Tensor operator()(const Step& step, const at::Tensor& ids_T) const;

 private:
  at::Tensor frozen_VD_;
  TrainedTable trained_;
  std::int64_t padding_ = -1;
};

}  // namespace weft::models
