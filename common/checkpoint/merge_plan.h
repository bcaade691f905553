// Which tensor of the merged model comes from where.
#pragma once
#include <string>
#include <vector>

#include "common/adapter/family_names.h"
#include "common/checkpoint/peft_folder.h"
#include "common/tensor/safetensors.h"

namespace weft::checkpoint {

// What the merged model is. untied: its language head is a tensor of its own, which the base has as the table of
// tokens.
struct MergedModel {
  const FamilyNames& names;
  const FamilyHead& head;
  bool untied = false;
};

struct MergedTensor {
  std::string name;                   // in the merged model
  const TensorView* base = nullptr;   // nullptr: only the adapter has it
  const TensorSpec* whole = nullptr;  // trained whole: replaces base
  // What is folded into base.
  const TensorSpec *a = nullptr, *b = nullptr;  // low-rank pair
  const TensorSpec* magnitude = nullptr;        // then each row is brought to this length (DoRA)
  const TensorSpec* scale = nullptr;            // (IA)³: factors of rows [O, 1] or of columns [1, I]
  std::string module{};                         // that they are of, as the model calls it
  bool stored_IO = false;                       // base is [I, O]
};

// In ascending order of names. Throws ConfigError that names each tensor of the adapter which finds no weight of its
// shape in the base.
std::vector<MergedTensor> plan_merge(const Safetensors& base, const PeftFolder& adapter, const MergedModel& model);

}  // namespace weft::checkpoint
