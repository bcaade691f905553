// PEFT's rules of names. Its regular expressions are Python's; PCRE2 reads the same ones.
#define PCRE2_CODE_UNIT_WIDTH 8
#include "common/adapter/module_rules.h"

#include <pcre2.h>

#include <algorithm>
#include <cctype>
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

// Whether the pattern fits the whole text.
bool fits(const std::string& pattern, const std::string& text) {
  const Code code = compile(pattern, nullptr);
  if (code == nullptr) return false;
  const std::unique_ptr<pcre2_match_data, MatchDeleter> data(pcre2_match_data_create_from_pattern(code.get(), nullptr));
  const std::unique_ptr<pcre2_match_context, LimitsDeleter> limits(pcre2_match_context_create(nullptr));
  pcre2_set_match_limit(limits.get(), kMatchLimit);
  const int found = pcre2_match(code.get(), reinterpret_cast<PCRE2_SPTR>(text.data()), text.size(), 0,
                                PCRE2_ANCHORED | PCRE2_ENDANCHORED, data.get(), limits.get());
  return found > 0;
}

// The whole name, or what follows a dot.
bool ends_name(const std::string& module, const std::string& suffix) {
  return module == suffix || module.ends_with("." + suffix);
}

// The first part of a name that is a number and has two parts before it, as in "bert.encoder.layer.0.output": -1: none.
std::int64_t layer_of(const std::string& module) {
  std::size_t begin = 0;
  for (int part = 0;; ++part) {
    const std::size_t end = module.find('.', begin);
    if (end == std::string::npos) return -1;  // the number must be followed by more
    const std::string text = module.substr(begin, end - begin);
    const bool digits =
        !text.empty() && std::all_of(text.begin(), text.end(), [](unsigned char c) { return std::isdigit(c) != 0; });
    if (part >= 2 && digits && text.size() < 10) return std::stoll(text);
    begin = end + 1;
  }
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
  if (targets.all_linear) return true;
  if (!targets.pattern.empty()) return fits(targets.pattern, module);
  if (std::find(targets.names.begin(), targets.names.end(), module) != targets.names.end()) return true;
  const std::vector<std::int64_t>& layers = config.layers_to_transform;
  return std::any_of(targets.names.begin(), targets.names.end(),
                     [&](const std::string& name) { return ends_name(module, name); }) &&
         (layers.empty() || std::find(layers.begin(), layers.end(), layer_of(module)) != layers.end());
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
  return std::any_of(config.feedforward_modules.begin(), config.feedforward_modules.end(),
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
