// Look-up and naming in the tree, and the words errors are made of.
#include "common/config/yaml_node.h"

#include <algorithm>
#include <cctype>

namespace weft {

std::shared_ptr<YamlView::Node> YamlView::Node::find(const std::string& key) const {
  const auto at = std::find_if(map.begin(), map.end(), [&](const Entry& entry) { return entry.first == key; });
  return at == map.end() ? nullptr : at->second;
}

void YamlView::Node::rename(const std::string& full_name) {
  name = full_name;
  for (auto& [key, value] : map) value->rename(full_key(key));
  for (std::size_t i = 0; i < list.size(); ++i) list[i]->rename(name + "[" + std::to_string(i) + "]");
}

namespace config {

std::string quoted_for_people(const std::string& text) {
  static constexpr std::size_t kLongest = 60;
  std::string out = "\"";
  for (char c : text.substr(0, kLongest)) out += std::iscntrl(static_cast<unsigned char>(c)) != 0 ? ' ' : c;
  return out + (text.size() > kLongest ? "...\"" : "\"");
}

}  // namespace config
}  // namespace weft
