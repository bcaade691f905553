// Typed reading with errors that say file, line, key, what was found and what was expected.
#include "common/config/yaml_view.h"

#include <algorithm>
#include <cmath>
#include <cstdlib>
#include <utility>

#include "common/base/file.h"
#include "common/base/nearest.h"
#include "common/config/yaml_node.h"
#include "common/config/yaml_scalar.h"

namespace weft {
namespace {

using Node = YamlView::Node;

std::string describe(const Node& node) {
  switch (node.kind) {
    case Node::Kind::null:
      return "nothing";
    case Node::Kind::list:
      return node.list.empty() ? "an empty list" : "a list";
    case Node::Kind::map:
      return "a map";
    case Node::Kind::scalar:
      break;
  }
  return node.quoted ? "the text " + config::quoted_for_people(node.scalar) : config::quoted_for_people(node.scalar);
}

[[noreturn]] void fail_at(const Node& node, const std::string& problem) {
  throw ConfigError(node.where + ": " + (node.name.empty() ? "" : node.name + ": ") + problem);
}

[[noreturn]] void wrong(const Node& node, const std::string& expected) {
  fail_at(node, "got " + describe(node) + ", expected " + expected);
}

[[noreturn]] void missing(const Node& map, const std::string& key, const std::string& expected) {
  throw ConfigError(map.where + ": " + map.full_key(key) + ": missing, expected " + expected + "; add it" +
                    (map.name.empty() ? "" : " below \"" + map.name + "\""));
}

std::string text_of(const Node& node) {
  if (node.kind != Node::Kind::scalar) wrong(node, "text");
  return node.scalar;
}

void unknown_keys(const Node& map, std::string& report) {
  for (const auto& [key, value] : map.map) {
    if (map.asked.count(key) != 0) {
      if (value->entered) unknown_keys(*value, report);
      for (const auto& item : value->list) {
        if (item->entered) unknown_keys(*item, report);
      }
      continue;
    }
    std::string advice = "not used beside the other keys given here; remove it";
    if (map.known.count(key) == 0) {
      advice = "unknown key";
      if (const auto near = nearest(key, map.known); !near.empty()) {
        advice += "; did you mean \"" + near + "\"?";
      } else if (!map.known.empty()) {
        advice += "; known here:";
        for (const auto& known : map.known) advice += (advice.back() == ':' ? " " : ", ") + known;
      } else {
        advice += "; nothing is expected here, remove it";
      }
    }
    report += (report.empty() ? "" : "\n") + value->where + ": " + value->name + ": " + advice;
  }
}

std::filesystem::path resolve(const Node& node) {
  const std::string text = text_of(node);
  if (text.empty()) wrong(node, "a path");
  std::filesystem::path path = text;
  if (text == "~" || text.rfind("~/", 0) == 0) {
    const char* home = std::getenv("HOME");
    if (home == nullptr || *home == '\0') fail_at(node, "starts with ~, but HOME is not set; write the whole path");
    path = std::filesystem::path(home) / (text.size() > 2 ? text.substr(2) : "");
  }
  if (path.is_relative()) path = node.base_folder / path;
  return std::filesystem::absolute(path).lexically_normal();
}

std::shared_ptr<Node> as_map(std::shared_ptr<Node> node) {
  if (node->kind == Node::Kind::null) node->kind = Node::Kind::map;  // "train:" with every line below commented out
  if (node->kind != Node::Kind::map) wrong(*node, "a map (key: value lines)");
  node->entered = true;
  return node;
}

// Notes that `key` was read and finds it.
std::shared_ptr<Node> ask(Node& map, const std::string& key) {
  map.known.insert(key);
  map.asked.insert(key);
  return map.find(key);
}

}  // namespace

YamlView YamlView::load(const std::filesystem::path& file, const std::vector<std::string>& overrides) {
  auto text = read_text(file);
  if (!text) throw ConfigError(text.error().message);
  auto root = config::parse_yaml(*text, file.string(), std::filesystem::absolute(file).parent_path());
  root = as_map(root);
  for (const auto& assignment : overrides) config::apply_override(*root, assignment);
  return YamlView(root);
}

YamlView YamlView::parse(const std::string& text, const std::string& origin, const std::filesystem::path& base_folder) {
  return YamlView(as_map(config::parse_yaml(text, origin, base_folder)));
}

bool YamlView::has(const std::string& key) const {
  node_->known.insert(key);
  return node_->find(key) != nullptr;
}

bool YamlView::is_list(const std::string& key) const {
  const auto node = node_->find(key);
  return node != nullptr && node->kind == Node::Kind::list;
}

YamlView YamlView::child(const std::string& key) const {
  const auto node = ask(*node_, key);
  if (!node) missing(*node_, key, "a map (key: value lines)");
  return YamlView(as_map(node));
}

YamlView YamlView::child_or_empty(const std::string& key) const {
  if (const auto node = ask(*node_, key)) return YamlView(as_map(node));
  auto empty = std::make_shared<Node>();
  empty->kind = Node::Kind::map;
  empty->where = node_->where;
  empty->name = node_->full_key(key);
  empty->base_folder = node_->base_folder;
  return YamlView(empty);
}

std::vector<YamlView> YamlView::children(const std::string& key) const {
  const auto node = ask(*node_, key);
  if (!node) missing(*node_, key, "a list of maps");
  if (node->kind != Node::Kind::list) wrong(*node, "a list of maps");
  std::vector<YamlView> views;
  for (const auto& item : node->list) views.push_back(YamlView(as_map(item)));
  return views;
}

std::vector<std::string> YamlView::keys() const {
  std::vector<std::string> names;
  for (const auto& [key, value] : node_->map) {
    names.push_back(key);
    node_->asked.insert(key);
  }
  return names;
}

std::string YamlView::text(const std::string& key) const {
  const auto node = ask(*node_, key);
  if (!node) missing(*node_, key, "text");
  return text_of(*node);
}

std::string YamlView::text(const std::string& key, const std::string& fallback) const {
  const auto node = ask(*node_, key);
  return node ? text_of(*node) : fallback;
}

std::string YamlView::choice(const std::string& key, const std::vector<std::string>& choices,
                             std::optional<std::string> fallback) const {
  std::string expected = "one of";
  for (const auto& word : choices) expected += (expected.size() > 6 ? ", " : " ") + word;
  const auto node = ask(*node_, key);
  if (!node && fallback) return *fallback;
  if (!node) missing(*node_, key, expected);
  if (node->kind != Node::Kind::scalar) wrong(*node, expected);
  if (std::find(choices.begin(), choices.end(), node->scalar) != choices.end()) return node->scalar;
  const auto near = nearest(node->scalar, {choices.begin(), choices.end()});
  wrong(*node, expected + (near.empty() ? "" : "; did you mean \"" + near + "\"?"));
}

double YamlView::number(const std::string& key, std::optional<double> fallback, NumberRange range) const {
  const auto node = ask(*node_, key);
  if (!node && fallback) return *fallback;
  if (!node) missing(*node_, key, config::range_text("a number", range));
  const auto value = config::parse_number(*node);
  if (!value || !config::inside(*value, range)) {
    wrong(*node, config::range_text("a number", range) + (node->quoted ? "; remove the quotes" : ""));
  }
  return *value;
}

std::int64_t YamlView::integer(const std::string& key, std::optional<std::int64_t> fallback, NumberRange range) const {
  const auto node = ask(*node_, key);
  if (!node && fallback) return *fallback;
  if (!node) missing(*node_, key, config::range_text("a whole number", range));
  const auto value = config::parse_integer(*node);
  if (!value || !config::inside(static_cast<double>(*value), range)) {
    wrong(*node, config::range_text("a whole number", range) + (node->quoted ? "; remove the quotes" : ""));
  }
  return *value;
}

bool YamlView::boolean(const std::string& key, std::optional<bool> fallback) const {
  const auto node = ask(*node_, key);
  if (!node && fallback) return *fallback;
  if (!node) missing(*node_, key, "true or false");
  const bool plain = node->kind == Node::Kind::scalar && !node->quoted;
  if (plain && node->scalar == "true") return true;
  if (plain && node->scalar == "false") return false;
  wrong(*node, "true or false");
}

std::vector<std::string> YamlView::texts(const std::string& key,
                                         std::optional<std::vector<std::string>> fallback) const {
  const auto node = ask(*node_, key);
  if (!node && fallback) return *fallback;
  if (!node) missing(*node_, key, "a list of texts, as in [a, b]");
  if (node->kind != Node::Kind::list) wrong(*node, "a list of texts, as in [a, b]");
  std::vector<std::string> values;
  for (const auto& item : node->list) values.push_back(text_of(*item));
  return values;
}

std::vector<double> YamlView::numbers(const std::string& key, std::optional<std::vector<double>> fallback) const {
  const auto node = ask(*node_, key);
  if (!node && fallback) return *fallback;
  if (!node) missing(*node_, key, "a list of numbers, as in [1, 2.5]");
  if (node->kind != Node::Kind::list) wrong(*node, "a list of numbers, as in [1, 2.5]");
  std::vector<double> values;
  for (const auto& item : node->list) {
    const auto value = config::parse_number(*item);
    if (!value) wrong(*item, "a number");
    values.push_back(*value);
  }
  return values;
}

std::int64_t YamlView::milliseconds(const std::string& key, std::optional<std::int64_t> fallback) const {
  const auto node = ask(*node_, key);
  const std::string expected = "a time with its unit (ms, s, min, h or d), as in 90s or 30 min";
  if (!node && fallback) return *fallback;
  if (!node) missing(*node_, key, expected);
  const auto value = config::parse_milliseconds(*node);
  if (!value) wrong(*node, expected);
  return *value;
}

std::filesystem::path YamlView::path(const std::string& key) const {
  if (auto found = path_if_set(key)) return *found;
  missing(*node_, key, "a path");
}

std::optional<std::filesystem::path> YamlView::path_if_set(const std::string& key) const {
  const auto node = ask(*node_, key);
  if (!node) return {};
  const auto resolved = resolve(*node);
  node->absolute_path = resolved.string();
  return resolved;
}

std::vector<std::filesystem::path> YamlView::paths(const std::string& key) const {
  const auto node = ask(*node_, key);
  if (!node) missing(*node_, key, "a path, or a list of paths");
  std::vector<std::shared_ptr<Node>> items{node};
  if (node->kind == Node::Kind::list) items = node->list;
  if (items.empty()) wrong(*node, "a path, or a list of paths");
  std::vector<std::filesystem::path> found;
  for (const auto& item : items) {
    found.push_back(resolve(*item));
    item->absolute_path = found.back().string();
  }
  return found;
}

void YamlView::fail(const std::string& key, const std::string& problem) const {
  const auto node = node_->find(key);
  const std::string name = key.empty() ? node_->name : node_->full_key(key);
  throw ConfigError((node ? node->where : node_->where) + ": " + (name.empty() ? "" : name + ": ") + problem);
}

void YamlView::finish() const {
  std::string report;
  unknown_keys(*node_, report);
  if (!report.empty()) throw ConfigError(report);
}

std::string YamlView::dump(const std::vector<std::string>& keys) const { return config::dump_yaml(*node_, keys); }

}  // namespace weft
