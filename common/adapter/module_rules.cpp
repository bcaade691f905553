// PEFT's rules of names. Its regular expressions are Python's; PCRE2 reads the same ones.
#define PCRE2_CODE_UNIT_WIDTH 8
#include "common/adapter/module_rules.h"

#include <pcre2.h>

#include <algorithm>
#include <cmath>
#include <memory>

namespace weft {
namespace {

struct CodeDeleter {
  void operator()(pcre2_code* code) const { pcre2_code_free(code); }
};
struct MatchDeleter {
  void operator()(pcre2_match_data* data) const { pcre2_match_data_free(data); }
};
struct LimitsDeleter {
  void operator()(pcre2_match_context* context) const { pcre2_match_context_free(context); }
};
using Code = std::unique_ptr<pcre2_code, CodeDeleter>;

constexpr std::uint32_t kMatchLimit = 1'000'000;  // patterns may come from a coordinator

Code compile(const std::string& pattern, std::string* problem) {
  int error = 0;
  PCRE2_SIZE offset = 0;
  Code code(
      pcre2_compile(reinterpret_cast<PCRE2_SPTR>(pattern.data()), pattern.size(), PCRE2_UTF, &error, &offset, nullptr));
  if (code == nullptr && problem != nullptr) {
    std::string text(256, '\0');
    const int length = pcre2_get_error_message(error, reinterpret_cast<PCRE2_UCHAR*>(text.data()), text.size());
    *problem =
        text.substr(0, static_cast<std::size_t>(std::max(length, 0))) + " at character " + std::to_string(offset + 1);
  }
  return code;
}

// From the beginning of the text on, for `options` beside that. nullptr: no match.
using Match = std::unique_ptr<pcre2_match_data, MatchDeleter>;
Match match(const std::string& pattern, const std::string& text, std::uint32_t options) {
  const Code code = compile(pattern, nullptr);
  if (code == nullptr) return nullptr;
  Match data(pcre2_match_data_create_from_pattern(code.get(), nullptr));
  const std::unique_ptr<pcre2_match_context, LimitsDeleter> limits(pcre2_match_context_create(nullptr));
  pcre2_set_match_limit(limits.get(), kMatchLimit);
  const int found = pcre2_match(code.get(), reinterpret_cast<PCRE2_SPTR>(text.data()), text.size(), 0,
                                PCRE2_ANCHORED | options, data.get(), limits.get());
  return found > 0 ? std::move(data) : nullptr;
}

// Whether the pattern fits the whole text.
bool fits(const std::string& pattern, const std::string& text) {
  return match(pattern, text, PCRE2_ENDANCHORED) != nullptr;
}

// The whole name, or what follows a dot.
bool ends_name(const std::string& module, const std::string& suffix) {
  return module == suffix || module.ends_with("." + suffix);
}

// The first part of a name that is a number behind what `patterns` say, or behind two parts where there are none, as in
// "bert.encoder.layer.0.output"; -1: none. The number is followed by more.
std::int64_t layer_of(const std::string& module, const std::vector<std::string>& patterns) {
  std::vector<std::string> whole{R"(.*?\.[^.]*\.(?<idx>\d{1,9})\.)"};
  if (!patterns.empty()) whole.clear();
  for (const std::string& pattern : patterns) whole.push_back(R"((?:^|.*?\.))" + pattern + R"(\.(?<idx>\d{1,9})\.)");
  for (const std::string& pattern : whole) {
    const Match found = match(pattern, module, 0);
    if (found == nullptr) continue;
    std::string digits(10, '\0');
    PCRE2_SIZE size = digits.size();
    const auto* name = reinterpret_cast<PCRE2_SPTR>("idx");
    auto* to = reinterpret_cast<PCRE2_UCHAR*>(digits.data());
    if (pcre2_substring_copy_byname(found.get(), name, to, &size) == 0) return std::stoll(digits.substr(0, size));
  }
  return -1;
}

bool means(const ModuleTargets& modules, const std::string& module) {
  if (!modules.pattern.empty()) return fits(modules.pattern, module);
  return std::any_of(modules.names.begin(), modules.names.end(),
                     [&](const std::string& name) { return ends_name(module, name); });
}

template <class Value>
Value by_pattern(const std::vector<std::pair<std::string, Value>>& patterns, const std::string& module,
                 Value fallback) {
  for (const auto& [pattern, value] : patterns)
    if (fits("(?:.*\\.)?(?:" + pattern + ")", module)) return value;
  return fallback;
}

}  // namespace

std::string pattern_problem(const std::string& pattern) {
  std::string problem;
  compile(pattern, &problem);
  return problem;
}

bool is_target(const AdapterConfig& config, const std::string& module) {
  const ModuleTargets& targets = config.target_modules;
  if (means(config.exclude_modules, module)) return false;
  if (targets.all_linear) return true;
  if (!targets.pattern.empty()) return means(targets, module);
  if (std::find(targets.names.begin(), targets.names.end(), module) != targets.names.end()) return true;
  const std::vector<std::int64_t>& layers = config.layers_to_transform;
  return means(targets, module) &&
         (layers.empty() ||
          std::find(layers.begin(), layers.end(), layer_of(module, config.layers_pattern)) != layers.end());
}

bool is_saved_whole(const std::vector<std::string>& names, const std::string& module) {
  for (std::size_t end = 0; end != std::string::npos;) {
    end = module.find('.', end + 1);
    const std::string outer = module.substr(0, end);
    if (std::any_of(names.begin(), names.end(), [&](const std::string& name) { return outer.ends_with(name); }))
      return true;
  }
  return false;
}

bool is_feedforward(const AdapterConfig& config, const std::string& module) {
  const ModuleTargets& modules = config.feedforward_modules;
  if (!modules.pattern.empty()) return means(modules, module);
  return std::any_of(modules.names.begin(), modules.names.end(),
                     [&](const std::string& name) { return module.ends_with(name); });
}

std::int64_t rank_of(const AdapterConfig& config, const std::string& module) {
  return by_pattern(config.rank_pattern, module, config.rank);
}

double scale_of(const AdapterConfig& config, const std::string& module) {
  const auto rank = static_cast<double>(rank_of(config, module));
  return by_pattern(config.alpha_pattern, module, config.alpha) / (config.rank_stabilized ? std::sqrt(rank) : rank);
}

}  // namespace weft
