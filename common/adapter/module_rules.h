// Which modules of a model an adapter config means, and what each gets: PEFT's rules, in one place for the forward
// pass, for files and for merging. A module's name is its path in the model with its head:
// "bert.encoder.layer.0.attention.self.query".
// Source: PEFT 0.21, tuners/tuners_utils.py (check_target_module_exists) and utils/other.py.
#pragma once
#include <string>
#include <string_view>
#include <vector>

#include "common/adapter/adapter_config.h"

namespace weft {

// What all trainable tensors' names begin with, as PEFT writes them.
inline constexpr std::string_view kAdapterRoot = "base_model.model.";

// Whether target_modules and layers_to_transform mean the module, and exclude_modules does not; of all-linear the
// former holds for all.
bool is_target(const AdapterConfig& config, const std::string& module);
// Whether `names` (modules_to_save) has an ending of the module's name or of one that it lies in.
bool is_saved_whole(const std::vector<std::string>& names, const std::string& module);
// Whether (IA)³ scales the module's input.
bool is_feedforward(const AdapterConfig& config, const std::string& module);
std::int64_t rank_of(const AdapterConfig& config, const std::string& module);
double scale_of(const AdapterConfig& config, const std::string& module);

// Empty when `pattern` is a regular expression, else what is wrong with it.
std::string pattern_problem(const std::string& pattern);

}  // namespace weft
