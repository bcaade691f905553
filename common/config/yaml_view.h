// A strict view of a YAML file: every key must be asked for, every value has one type, and each error names file,
// line, the full key, what was found, what was expected and, for an unknown key, the nearest known one.
//
//   YamlView root = YamlView::load(path, overrides);           // overrides: {"train.learning_rate=1e-3", ...}
//   YamlView train = root.child("train");                      // required map; child_or_empty for optional
//   config.lr = train.number("learning_rate", 5e-4, {.min = 0, .exclusive_min = true});
//   root.finish();                                             // ConfigError for any key nobody asked for
//
// One thread. Views of one file share state and may outlive the root.
#pragma once
#include <cstdint>
#include <filesystem>
#include <limits>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "common/base/result.h"

namespace weft {

struct NumberRange {
  double min = -std::numeric_limits<double>::infinity();
  double max = std::numeric_limits<double>::infinity();
  bool exclusive_min = false;
  bool exclusive_max = false;
};

class YamlView {
 public:
  // Throws ConfigError: unreadable file, YAML syntax (with line), duplicate key, override of a malformed path.
  static YamlView load(const std::filesystem::path& file, const std::vector<std::string>& overrides = {});
  // `origin` stands for the file name in errors ("settings from the coordinator"). Text from a peer may be passed:
  // depth, size and aliases are limited.
  static YamlView parse(const std::string& text, const std::string& origin,
                        const std::filesystem::path& base_folder = {});

  bool has(const std::string& key) const;
  bool is_list(const std::string& key) const;                    // false when absent
  YamlView child(const std::string& key) const;                  // map; ConfigError when absent or not a map
  YamlView child_or_empty(const std::string& key) const;         // an absent map reads as an empty one
  std::vector<YamlView> children(const std::string& key) const;  // list of maps; ConfigError when absent
  std::vector<std::string> keys() const;                         // of a map whose keys are data; marks all as asked for

  // Without a default the key is required.
  std::string text(const std::string& key) const;
  std::string text(const std::string& key, const std::string& fallback) const;
  // One of `choices`, else ConfigError that lists them.
  std::string choice(const std::string& key, const std::vector<std::string>& choices,
                     std::optional<std::string> fallback = {}) const;
  double number(const std::string& key, std::optional<double> fallback = {}, NumberRange range = {}) const;
  std::int64_t integer(const std::string& key, std::optional<std::int64_t> fallback = {}, NumberRange range = {}) const;
  bool boolean(const std::string& key, std::optional<bool> fallback = {}) const;
  std::vector<std::string> texts(const std::string& key, std::optional<std::vector<std::string>> fallback = {}) const;
  std::vector<double> numbers(const std::string& key, std::optional<std::vector<double>> fallback = {}) const;
  // "90s", "15 min", "2h", "250ms".
  std::int64_t milliseconds(const std::string& key, std::optional<std::int64_t> fallback = {}) const;
  // Relative paths are relative to the folder of the file that names them, those of an override to the current folder;
  // "~" is the home folder.
  std::filesystem::path path(const std::string& key) const;
  std::optional<std::filesystem::path> path_if_set(const std::string& key) const;
  std::vector<std::filesystem::path> paths(const std::string& key) const;  // one path, or a list of them

  // A ConfigError for `key` of this map with file and line, for checks that the caller makes.
  [[noreturn]] void fail(const std::string& key, const std::string& problem) const;
  // ConfigError naming each key below this view that nobody asked for, with the nearest known key.
  void finish() const;
  // Canonical YAML of the given top-level keys (all when empty) with overrides applied and paths made absolute
  // where they were asked for with path(): what is stored as resolved config, sent to sites and hashed.
  std::string dump(const std::vector<std::string>& keys = {}) const;

  struct Node;

 private:
  explicit YamlView(std::shared_ptr<Node> node) : node_(std::move(node)) {}
  std::shared_ptr<Node> node_;
};

}  // namespace weft
