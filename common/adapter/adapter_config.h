// The `adapter` block of a run file: what of a model is trained, in PEFT's vocabulary.
//   lora    y = x·Wᵀ + s·drop(x)·Aᵀ·Bᵀ, s = alpha/rank (rank_stabilized: alpha/√rank); decomposed: DoRA
//   ia3     learned vectors scale the outputs of modules, of feed-forward ones the inputs
//   bitfit  all biases
//   full    the modules that target_modules names, whole
// Source: Hu et al. 2021, arXiv:2106.09685; Kalajdzievski 2023, arXiv:2312.03732 (rank_stabilized); Liu et al. 2024,
// arXiv:2402.09353 (DoRA); Liu et al. 2022, arXiv:2205.05638 ((IA)³); Ben Zaken et al. 2021, arXiv:2106.10199 (BitFit);
// Meng et al. 2024, arXiv:2404.02948 (PiSSA); Büyükakyüz 2024, arXiv:2406.01775 (OLoRA).
#pragma once
#include <cstdint>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "common/config/yaml_view.h"

namespace weft {

enum class AdapterMethod { lora, ia3, bitfit, full };
enum class AdapterBias { none, all, lora_only };
// How A and B start. standard: A uniform in ±1/√in, B zero. gaussian: A normal with deviation 1/rank, B zero.
// orthonormal: both random with B·A = 0. pissa: the largest singular values of W, which leave W. olora: B the first
// columns of Q and A the first rows of R in W = Q·R, and s·B·A leaves W.
enum class LoraInit { standard, gaussian, orthonormal, pissa, olora };

// Which modules: names that end a module's name after a dot, or are it; or one regular expression that fits whole
// names; or every linear layer below the head.
struct ModuleTargets {
  std::vector<std::string> names{};
  std::string pattern{};
  bool all_linear = false;
  bool empty() const { return names.empty() && pattern.empty() && !all_linear; }
  bool operator==(const ModuleTargets&) const = default;
};

struct AdapterConfig {
  AdapterMethod method = AdapterMethod::lora;
  ModuleTargets target_modules;   // not of bitfit
  ModuleTargets exclude_modules;  // never these; not all_linear
  // Trained whole beside that. nullopt: the head of the task, where it has one that is new.
  std::optional<std::vector<std::string>> modules_to_save;
  std::vector<std::int64_t> layers_to_transform;  // only these layers' modules, by index; empty: all
  // Regular expressions for what stands before a layer's index in a name; empty: anything.
  std::vector<std::string> layers_pattern;
  // LoRA.
  std::int64_t rank = 8;
  double alpha = 16;
  double dropout = 0;  // on the input of A
  bool rank_stabilized = false, decomposed = false;
  AdapterBias bias = AdapterBias::none;
  LoraInit init = LoraInit::standard;
  // By regular expressions for the end of a module's name; the first that fits counts.
  std::vector<std::pair<std::string, std::int64_t>> rank_pattern;
  std::vector<std::pair<std::string, double>> alpha_pattern;
  // (IA)³: those of target_modules whose inputs are scaled; names end a module's name, with or without a dot before.
  ModuleTargets feedforward_modules;
  // Whether A and B start as a part of the base's weights that these lose: such a pair fits the changed base only.
  bool changes_base() const {
    return method == AdapterMethod::lora && (init == LoraInit::pissa || init == LoraInit::olora);
  }

  // ConfigError for a value out of range, for settings of another method, and for a target that is missing.
  static AdapterConfig parse(const YamlView& adapter);
  bool operator==(const AdapterConfig&) const = default;
};

}  // namespace weft
