// Canonical YAML: keys in the file's order, two spaces a level, lists of plain values in one line, quotes only where
// the value would read as something else.
#include <algorithm>
#include <array>
#include <cctype>
#include <cstdio>

#include "common/config/yaml_node.h"

namespace weft::config {
namespace {

using Node = YamlView::Node;

bool plain_character(char c) {
  const auto byte = static_cast<unsigned char>(c);
  return std::isalnum(byte) != 0 || byte >= 0x80 || c == '_' || c == '-' || c == '.' || c == '/' || c == '+' ||
         c == '=' || c == '~';
}

// Words that another reader could take for null or a boolean, or that start like a number.
bool reads_as_other(const std::string& text) {
  std::string lower = text;
  std::transform(lower.begin(), lower.end(), lower.begin(), [](unsigned char c) { return std::tolower(c); });
  static constexpr std::array kWords = {"null", "true", "false", "yes", "no", "on", "off", "~", "y", "n"};
  if (std::find(kWords.begin(), kWords.end(), lower) != kWords.end()) return true;
  const char first = text.front();
  return std::isdigit(static_cast<unsigned char>(first)) != 0 || first == '.' || first == '+' || first == '-';
}

// At the start of a text a byte order mark would be taken away, or would make UTF-16 of it.
bool may_be_byte_order_mark(char first) {
  const auto byte = static_cast<unsigned char>(first);
  return byte == 0xef || byte >= 0xfe;
}

bool safe_plain(const std::string& text) {
  static constexpr std::string_view kFirst = "-=~.+";
  return !text.empty() && std::all_of(text.begin(), text.end(), plain_character) && text.substr(0, 3) != "---" &&
         text != "..." && text != "-" && text != "=" && !may_be_byte_order_mark(text.front()) &&
         (kFirst.find(text.front()) == std::string_view::npos || text.size() > 1);
}

std::string double_quoted(const std::string& text) {
  std::string out = "\"";
  for (char c : text) {
    if (c == '"' || c == '\\') {
      out += '\\';
      out += c;
    } else if (c == '\n') {
      out += "\\n";
    } else if (c == '\t') {
      out += "\\t";
    } else if (static_cast<unsigned char>(c) < 0x20 || c == 0x7f) {
      std::array<char, 5> buffer{};
      std::snprintf(buffer.data(), buffer.size(), "\\x%02x", static_cast<unsigned>(static_cast<unsigned char>(c)));
      out += buffer.data();
    } else {
      out += c;
    }
  }
  return out + "\"";
}

std::string scalar_text(const Node& node) {
  if (!node.absolute_path.empty()) {
    return safe_plain(node.absolute_path) ? node.absolute_path : double_quoted(node.absolute_path);
  }
  if (!safe_plain(node.scalar)) return double_quoted(node.scalar);
  // A value written without quotes may be a number or a boolean and stays as written.
  return node.quoted && reads_as_other(node.scalar) ? double_quoted(node.scalar) : node.scalar;
}

std::string key_text(const std::string& key) { return safe_plain(key) ? key : double_quoted(key); }

bool is_flat(const Node& node) {
  return node.kind == Node::Kind::null || node.kind == Node::Kind::scalar ||
         (node.kind == Node::Kind::list &&
          std::all_of(node.list.begin(), node.list.end(), [](const auto& item) { return is_flat(*item); })) ||
         (node.kind == Node::Kind::map && node.map.empty());
}

std::string flat_text(const Node& node) {
  if (node.kind == Node::Kind::null) return "null";
  if (node.kind == Node::Kind::scalar) return scalar_text(node);
  if (node.kind == Node::Kind::map) return "{}";
  std::string out = "[";
  for (const auto& item : node.list) out.append(out.size() > 1 ? ", " : "").append(flat_text(*item));
  return out.append("]");
}

void write_block(const Node& node, std::size_t depth, std::string& out);

void write_entry(const std::string& head, const Node& value, std::size_t depth, std::string& out) {
  out += std::string(2 * depth, ' ') + head;
  if (is_flat(value)) {
    out.append(" ").append(flat_text(value)).append("\n");
  } else {
    out += "\n";
    write_block(value, depth + 1, out);
  }
}

void write_block(const Node& node, std::size_t depth, std::string& out) {
  for (const auto& [key, value] : node.map) write_entry(key_text(key) + ":", *value, depth, out);
  for (const auto& item : node.list) write_entry("-", *item, depth, out);
}

}  // namespace

std::string dump_yaml(const Node& root, const std::vector<std::string>& keys) {
  std::string out;
  for (const auto& [key, value] : root.map) {
    if (!keys.empty() && std::find(keys.begin(), keys.end(), key) == keys.end()) continue;
    write_entry(key_text(key) + ":", *value, 0, out);
  }
  return out;
}

}  // namespace weft::config
