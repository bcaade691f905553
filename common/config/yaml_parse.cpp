// From YAML text to the tree, by yaml-cpp's events, so that lines, duplicate keys and aliases are seen as written.
#include <yaml-cpp/eventhandler.h>
#include <yaml-cpp/exceptions.h>
#include <yaml-cpp/parser.h>

#include <algorithm>
#include <cctype>
#include <sstream>

#include "common/config/yaml_node.h"

namespace weft::config {
namespace {

using Node = YamlView::Node;

class TreeBuilder final : public YAML::EventHandler {
 public:
  TreeBuilder(std::string origin, std::filesystem::path base_folder, std::string override_source)
      : origin_(std::move(origin)), base_folder_(std::move(base_folder)), source_(std::move(override_source)) {}

  std::shared_ptr<Node> root() { return root_; }

  void OnDocumentStart(const YAML::Mark&) override {}
  void OnDocumentEnd() override {}
  void OnNull(const YAML::Mark& mark, YAML::anchor_t anchor) override { add(Node::Kind::null, mark, "?", anchor, ""); }
  void OnAlias(const YAML::Mark& mark, YAML::anchor_t) override {
    fail(mark, "got an alias (*name), expected a plain value; write the value out");
  }
  void OnScalar(const YAML::Mark& mark, const std::string& tag, YAML::anchor_t anchor,
                const std::string& value) override {
    if (awaiting_key()) {
      check_style(mark, tag, anchor);
      return take_key(mark, value);
    }
    add(Node::Kind::scalar, mark, tag, anchor, value);
  }
  void OnSequenceStart(const YAML::Mark& mark, const std::string& tag, YAML::anchor_t anchor,
                       YAML::EmitterStyle::value) override {
    open(add(Node::Kind::list, mark, tag, anchor, ""), mark);
  }
  void OnSequenceEnd() override { stack_.pop_back(); }
  void OnMapStart(const YAML::Mark& mark, const std::string& tag, YAML::anchor_t anchor,
                  YAML::EmitterStyle::value) override {
    open(add(Node::Kind::map, mark, tag, anchor, ""), mark);
  }
  void OnMapEnd() override { stack_.pop_back(); }

 private:
  struct Level {
    std::shared_ptr<Node> node;
    bool has_key = false;
    std::string key, key_where;
  };

  std::string where(const YAML::Mark& mark) const {
    return source_.empty() ? origin_ + ":" + std::to_string(mark.line + 1) : source_;
  }
  [[noreturn]] void fail(const YAML::Mark& mark, const std::string& problem) const {
    throw ConfigError(where(mark) + ": " + problem);
  }
  bool awaiting_key() const {
    return !stack_.empty() && stack_.back().node->kind == Node::Kind::map && !stack_.back().has_key;
  }
  void check_style(const YAML::Mark& mark, const std::string& tag, YAML::anchor_t anchor) const {
    if (anchor != 0) fail(mark, "got an anchor (&name), expected a plain value; remove it");
    if (!tag.empty() && tag != "?" && tag != "!") fail(mark, "got the tag " + tag + ", expected no tag; remove it");
  }
  void take_key(const YAML::Mark& mark, const std::string& key) {
    Level& level = stack_.back();
    // So short, and without what takes four bytes in quotes, each key is among the 1024 bytes in which yaml-cpp looks
    // for its colon when a dump is read.
    if (const std::size_t size = level.node->full_key(key).size(); size > kMaxYamlName) {
      fail(mark, quoted_for_people(key) + ": a full key of " + std::to_string(size) + " bytes, limit " +
                     std::to_string(kMaxYamlName) + "; shorten it");
    }
    if (std::any_of(key.begin(), key.end(), [](unsigned char c) { return std::iscntrl(c) != 0; })) {
      fail(mark, "got a control character in the key " + quoted_for_people(key) + ", expected plain text; remove it");
    }
    if (key == "<<") fail(mark, "got the merge key <<, expected plain keys; write the values out");
    for (const auto& [other, value] : level.node->map) {
      if (other == key) {
        fail(mark, level.node->full_key(key) + ": given twice, first at " + value->where + "; keep one");
      }
    }
    level.has_key = true;
    level.key = key;
    level.key_where = where(mark);
  }
  std::shared_ptr<Node> add(Node::Kind kind, const YAML::Mark& mark, const std::string& tag, YAML::anchor_t anchor,
                            const std::string& value) {
    check_style(mark, tag, anchor);
    if (awaiting_key()) fail(mark, "got a list or map as a key, expected a plain word; is a bracket left open?");
    if (++nodes_ > kMaxYamlNodes) fail(mark, "more than " + std::to_string(kMaxYamlNodes) + " values; shorten it");
    auto node = std::make_shared<Node>();
    node->kind = kind;
    node->where = where(mark);
    node->base_folder = base_folder_;
    node->scalar = value;
    node->quoted = tag == "!";
    if (stack_.empty()) {
      root_ = node;
    } else if (Level& level = stack_.back(); level.node->kind == Node::Kind::map) {
      node->where = level.key_where;
      node->name = level.node->full_key(level.key);
      level.node->map.emplace_back(level.key, node);
      level.has_key = false;
    } else {
      node->name = level.node->name + "[" + std::to_string(level.node->list.size()) + "]";
      level.node->list.push_back(node);
    }
    return node;
  }
  void open(std::shared_ptr<Node> node, const YAML::Mark& mark) {
    if (stack_.size() >= kMaxYamlDepth) {
      fail(mark, "nested more than " + std::to_string(kMaxYamlDepth) + " deep; flatten it");
    }
    stack_.push_back({std::move(node), false, {}, {}});
  }

  std::string origin_;
  std::filesystem::path base_folder_;
  std::string source_;
  std::shared_ptr<Node> root_;
  std::vector<Level> stack_;
  std::size_t nodes_ = 0;
};

// Duplicate keys are searched linearly; maps as large as this would make that slow and are no configuration.
void check_text(const std::string& text, const std::string& origin) {
  if (text.size() > kMaxYamlBytes) {
    throw ConfigError(origin + ": " + std::to_string(text.size()) + " bytes, limit " + std::to_string(kMaxYamlBytes) +
                      "; is it a configuration?");
  }
  if (const auto at = text.find('\0'); at != std::string::npos) {
    throw ConfigError(origin + ": a NUL byte at offset " + std::to_string(at) + ", expected UTF-8 text");
  }
}

}  // namespace

std::shared_ptr<Node> parse_yaml(const std::string& text, const std::string& origin,
                                 const std::filesystem::path& base_folder, const std::string& override_source) {
  check_text(text, origin);
  TreeBuilder builder(origin, base_folder, override_source);
  try {
    std::istringstream stream(text);
    YAML::Parser parser(stream);
    const bool any = parser.HandleNextDocument(builder);
    TreeBuilder rest(origin, base_folder, override_source);
    if (any && parser.HandleNextDocument(rest) && rest.root()) {
      throw ConfigError(rest.root()->where + ": a second YAML document starts here, expected one; remove it");
    }
  } catch (const YAML::Exception& error) {
    const std::string place =
        override_source.empty() ? origin + ":" + std::to_string(error.mark.line + 1) : override_source;
    throw ConfigError(place + ": not YAML: " + error.msg);
  }
  auto root = builder.root();
  if (!root) root = std::make_shared<Node>();
  if (root->where.empty()) root->where = override_source.empty() ? origin + ":1" : override_source;
  root->base_folder = base_folder;
  return root;
}

}  // namespace weft::config
