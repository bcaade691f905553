// Names as people read them.
#pragma once
#include <string>
#include <vector>

namespace weft {

// "a, b, c"
inline std::string joined(const std::vector<std::string>& names) {
  std::string text;
  for (const std::string& name : names) text.append(text.empty() ? "" : ", ").append(name);
  return text;
}

// "\n  TITLE:" and a line a name, at most so many and how many more there are; empty without names.
inline std::string listed(const std::string& title, const std::vector<std::string>& names, std::size_t most) {
  std::string text;
  for (std::size_t i = 0; i < names.size() && i < most; ++i) text.append("\n    ").append(names[i]);
  if (names.size() > most) text.append("\n    and ").append(std::to_string(names.size() - most)).append(" more");
  return names.empty() ? "" : "\n  " + title + ":" + text;
}

}  // namespace weft
