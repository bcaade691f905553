// The tree behind YamlView: what a YAML text says, where each value was written, and what has been asked for so far.
// Internal to this library.
#pragma once
#include <filesystem>
#include <memory>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "common/config/yaml_view.h"

namespace weft {

struct YamlView::Node {
  enum class Kind { null, scalar, list, map };
  using Entry = std::pair<std::string, std::shared_ptr<Node>>;

  Kind kind = Kind::null;
  std::string where;                  // "run.yaml:12" or "--set a.b=c"
  std::string name;                   // full key, "train.learning_rate"; empty for the root
  std::filesystem::path base_folder;  // of relative paths
  std::string scalar;                 // of a scalar
  bool quoted = false;                // a quoted scalar is text and nothing else
  std::vector<std::shared_ptr<Node>> list;
  std::vector<Entry> map;  // in the order of the file

  std::string absolute_path;    // set once asked for as a path
  bool entered = false;         // somebody holds a view of this map
  std::set<std::string> asked;  // keys of this map that somebody read
  std::set<std::string> known;  // keys of this map that somebody read or probed, present or not

  std::shared_ptr<Node> find(const std::string& key) const;
  std::string full_key(const std::string& key) const { return name.empty() ? key : name + "." + key; }
  // A map of its own name is set on it and on all below.
  void rename(const std::string& full_name);
};

namespace config {

inline constexpr std::size_t kMaxYamlBytes = std::size_t{1} << 20;
inline constexpr std::size_t kMaxYamlDepth = 32;
inline constexpr std::size_t kMaxYamlNodes = 100'000;
inline constexpr std::size_t kMaxYamlName = 500;  // bytes of a full key, of which each value below holds a copy

// Throws ConfigError: syntax, duplicate key, alias, tag, several documents, or a text beyond the limits.
// `override_source` is empty for a file; else it stands for file and line.
std::shared_ptr<YamlView::Node> parse_yaml(const std::string& text, const std::string& origin,
                                           const std::filesystem::path& base_folder,
                                           const std::string& override_source = {});
// "a.b=value" set in the tree; missing maps are created.
void apply_override(YamlView::Node& root, const std::string& assignment);
// Block YAML whose parse gives the same tree.
std::string dump_yaml(const YamlView::Node& root, const std::vector<std::string>& keys);

// A text as errors quote it: one line, not too long.
std::string quoted_for_people(const std::string& text);

}  // namespace config
}  // namespace weft
