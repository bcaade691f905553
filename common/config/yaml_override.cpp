// Overrides from the command line, "a.b=value", where value is YAML: a word, a number, [x, y] or {k: v}.
#include <algorithm>

#include "common/config/yaml_node.h"

namespace weft::config {
namespace {

using Node = YamlView::Node;

std::vector<std::string> split_key(const std::string& assignment, std::size_t equals) {
  std::vector<std::string> parts(1);
  for (std::size_t i = 0; i < equals; ++i) {
    if (assignment[i] == '.') {
      parts.emplace_back();
    } else {
      parts.back() += assignment[i];
    }
  }
  const bool malformed = std::any_of(parts.begin(), parts.end(), [](const std::string& part) {
    return part.empty() || part.find_first_of(" \t\r\n") != std::string::npos;
  });
  if (malformed) {
    throw ConfigError("--set " + quoted_for_people(assignment) +
                      ": the key is malformed, expected words joined by dots, as in --set train.learning_rate=1e-3");
  }
  if (parts.size() > kMaxYamlDepth) {
    throw ConfigError("--set " + quoted_for_people(assignment) + ": more than " + std::to_string(kMaxYamlDepth) +
                      " levels");
  }
  return parts;
}

// The map under `key`, created when absent or empty.
Node& descend(Node& parent, const std::string& key, const std::string& source) {
  auto next = parent.find(key);
  if (!next) {
    next = std::make_shared<Node>();
    next->where = source;
    next->name = parent.full_key(key);
    next->base_folder = parent.base_folder;
    parent.map.emplace_back(key, next);
  }
  if (next->kind == Node::Kind::null) next->kind = Node::Kind::map;
  if (next->kind != Node::Kind::map) {
    throw ConfigError(source + ": " + next->name + " is not a map (see " + next->where + "), so nothing can be set " +
                      "inside it; set the whole of " + next->name);
  }
  return *next;
}

}  // namespace

void apply_override(Node& root, const std::string& assignment) {
  const auto equals = assignment.find('=');
  if (equals == std::string::npos) {
    throw ConfigError("--set " + quoted_for_people(assignment) +
                      ": no '=', expected KEY=VALUE, as in --set train.learning_rate=1e-3");
  }
  const auto parts = split_key(assignment, equals);
  const std::string source = "--set " + quoted_for_people(assignment);
  // A path given on the command line is relative to where the command runs.
  const auto value = parse_yaml(assignment.substr(equals + 1), source, std::filesystem::current_path(), source);
  Node* map = &root;
  for (std::size_t i = 0; i + 1 < parts.size(); ++i) map = &descend(*map, parts[i], source);
  value->rename(map->full_key(parts.back()));
  const auto there = std::find_if(map->map.begin(), map->map.end(),
                                  [&](const Node::Entry& entry) { return entry.first == parts.back(); });
  if (there == map->map.end())
    map->map.emplace_back(parts.back(), value);
  else if (value->kind == Node::Kind::null)
    map->map.erase(there);
  else
    there->second = value;
}

}  // namespace weft::config
