// An adapter on disk as PEFT has it: adapter_config.json and adapter_model.safetensors, so that
// PeftModel.from_pretrained loads it; and weft.json beside them, which PEFT does not look at.
// Source: PEFT 0.21's LoraConfig, IA3Config and get_peft_model_state_dict.
#pragma once
#include <cstdint>
#include <filesystem>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "common/adapter/adapter_config.h"
#include "common/adapter/task_kind.h"
#include "common/base/disk.h"
#include "common/base/result.h"
#include "common/tensor/safetensors.h"
#include "common/tensor/state_dict.h"

namespace weft::checkpoint {

// adapter_config.json. Methods that PEFT has none for are written with a peft_type of our own (WEFT_BITFIT, WEFT_FULL),
// which PEFT refuses by name.
struct PeftConfig {
  std::string base_model;  // base_model_name_or_path: a folder or a model's name
  std::optional<TaskKind> task = TaskKind::sequence_classification;  // nullopt: PEFT has no name for it
  AdapterConfig adapter;
  bool fan_in_fan_out = false;  // weights are stored [in, out]
};

// What weft knows of an adapter and PEFT does not.
struct AdapterFacts {
  std::string run, run_id;
  std::uint32_t version = 0;
  std::vector<std::string> labels;       // of the classes, in order
  std::string problem = "single_label";  // of sequence classification, as run files spell it
  std::uint64_t max_tokens = 0;
  std::string base_digest;
  std::string adapter_digest;  // StateDict::digest()
};

// A weight of the base that PEFT has written, too: of an embedding or a language head.
struct BaseCopy {
  DType dtype = DType::f32;
  std::vector<std::int64_t> shape;
  std::string digest;  // SHA-256 of its bytes
};

struct PeftFolder {
  PeftConfig config;
  StateDict state;                                // names as PEFT writes them: base_model.model.<module>.lora_A.weight
  std::optional<AdapterFacts> facts;              // absent where another program wrote the folder
  std::map<std::string, BaseCopy> base_copies{};  // by tensor
};

// Writes `folder` whole or not at all, synced. A folder of the same run is replaced; any other is left alone.
// Throws ConfigError for such a one, Failure where it cannot be written.
void write_peft_folder(const std::filesystem::path& folder, const PeftFolder& adapter, Disk& disk = system_disk());

// Ours or PEFT's own. An Error names file, what was found and what is expected: a method or variant that is not known,
// tensors that do not fit the config, non-finite values.
Result<PeftFolder> read_peft_folder(const std::filesystem::path& folder);

// Error: a weight of the base that stands in the adapter's file is not in this base, rounded to the file's type, so the
// adapter belongs to another one; or the folder cannot be read.
Status check_base_copies(const PeftFolder& adapter, const std::filesystem::path& base);

// PiSSA and OLoRA take their start out of the base's weights, so their pairs fit the changed base only. This makes
// plain LoRA of twice the rank for the base as it is: A' = [A; A0], B' = [B, -B0], with A0 and B0 the pairs that
// training began with. Any other adapter is returned as it is. As PEFT's path_initial_model_for_weight_conversion does.
PeftFolder without_changed_base(PeftFolder adapter, const StateDict& initial);

}  // namespace weft::checkpoint
