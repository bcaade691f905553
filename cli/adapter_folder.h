// An adapter on disk and the base model that it belongs to, as `weft evaluate` and `weft export` look for them.
#pragma once
#include <filesystem>
#include <optional>
#include <string>

#include "common/checkpoint/peft_folder.h"

namespace weft::cli {

struct FoundAdapter {
  std::filesystem::path folder;
  checkpoint::PeftFolder peft;
  // config.yaml of the run that wrote it, where the folder still stands in its run folder.
  std::optional<std::filesystem::path> run_file;
};

// `path`: a PEFT folder, or a run folder that holds one as adapter/. ConfigError.
FoundAdapter find_adapter(const std::filesystem::path& path);

std::filesystem::path config_file_of(const FoundAdapter& adapter);
// What stands before one of its keys in errors.
std::string place_of(const FoundAdapter& adapter);

// The folder that --model names, else the one that adapter_config.json names. ConfigError when it is not a folder.
std::filesystem::path base_folder_of(const FoundAdapter& adapter, const std::string& model_flag);

// ConfigError with the remedy when the adapter was trained on another base than this one, which has this digest. Passes
// when the adapter does not know its base.
void check_base(const FoundAdapter& adapter, const std::filesystem::path& base, const std::string& digest);

// What is not alike in an adapter's tensors and those that a model trains, by name; empty: nothing.
std::string differences(const Manifest& adapter, const Manifest& model);

}  // namespace weft::cli
