// How a low-rank pair starts, as PEFT has it for each `init`.
// Suffixes: I in · O out features · R rank.
#pragma once
#include <ATen/core/Tensor.h>

#include <string>

#include "common/adapter/adapter_config.h"
#include "common/models/placed_adapter.h"

namespace weft::models {

struct LowRankShape {
  std::string a_name, b_name;  // label their random streams
  std::int64_t in = 0, out = 0, rank = 0;
  double scale = 1;
  std::string place{};  // see ModelRequest::adapter_place
};
struct LowRankStart {
  Start a_RI, b_OR;
};

// pissa and olora take the pair's product out of weight [O, I], so that the layer computes what it did.
// Throws ConfigError for a rank that `init` cannot have.
LowRankStart start_low_rank(LoraInit init, const LowRankShape& shape, at::Tensor& weight_OI);

// Starts of tensors that do not depend on a method.
Start start_as(const at::Tensor& tensor);
Start start_with(float value);
Start start_normal(std::string name, double deviation);

}  // namespace weft::models
