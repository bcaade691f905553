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

}  // namespace weft
