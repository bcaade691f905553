// Which tensor of the merged model comes from where.
#pragma once
#include <string>
#include <vector>

#include "common/checkpoint/head_rules.h"
#include "common/checkpoint/peft_folder.h"
#include "common/tensor/safetensors.h"

namespace weft::checkpoint {

struct MergedTensor {
  std::string name;                  // in the merged model
  const TensorView* base = nullptr;  // nullptr: only the adapter has it
  std::string module;  // with low-rank factors <module>.lora_A.weight and lora_B.weight in the adapter; empty: none
  const TensorSpec* whole = nullptr;  // trained whole: replaces base
};

// In ascending order of names. Throws ConfigError that names each tensor of the adapter which finds no weight of its
// shape in the base.
std::vector<MergedTensor> plan_merge(const Safetensors& base, const PeftFolder& adapter, const HeadRule& rule);

}  // namespace weft::checkpoint
