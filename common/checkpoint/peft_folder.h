// An adapter on disk as PEFT has it: adapter_config.json and adapter_model.safetensors, so that
// PeftModel.from_pretrained loads it; and weft.json beside them, which PEFT does not look at.
// Source: PEFT 0.21's LoraConfig and get_peft_model_state_dict.
#pragma once
#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <vector>

#include "common/base/result.h"
#include "common/tensor/state_dict.h"

namespace weft::checkpoint {

struct PeftConfig {
  std::string base_model;  // base_model_name_or_path: a folder or a model's name
  std::int64_t rank = 8;
  double alpha = 16;
  double dropout = 0;
  std::vector<std::string> target_modules, modules_to_save;
  bool rank_stabilized = false;  // use_rslora: the scale is alpha / sqrt(rank)
  bool fan_in_fan_out = false;   // weights are stored [in, out]
  double scale() const;
};

// What weft knows of an adapter and PEFT does not.
struct AdapterFacts {
  std::string run, run_id;
  std::uint32_t version = 0;
  std::vector<std::string> labels;  // of the classes, in order
  std::uint64_t max_tokens = 0;
  std::string base_digest;
  std::string adapter_digest;  // StateDict::digest()
};

struct PeftFolder {
  PeftConfig config;
  StateDict state;                    // names as PEFT writes them: base_model.model.<module>.lora_A.weight
  std::optional<AdapterFacts> facts;  // absent where another program wrote the folder
};

// Writes `folder` whole or not at all, synced. A folder of the same run is replaced; any other is left alone and a
// Failure says so. Throws Failure.
void write_peft_folder(const std::filesystem::path& folder, const PeftFolder& adapter);

// Ours or PEFT's own. An Error names file, what was found and what is expected: not LoRA, a variant that changes the
// computation (DoRA, rank patterns, trained biases ...), tensors that do not fit the rank, non-finite values.
Result<PeftFolder> read_peft_folder(const std::filesystem::path& folder);

}  // namespace weft::checkpoint
