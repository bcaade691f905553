// What somebody who mistyped a word may have meant.
#pragma once
#include <set>
#include <string>

namespace weft {

// The known word with the fewest letters changed, added or left out; empty where none is near.
std::string nearest(const std::string& word, const std::set<std::string>& known);

}  // namespace weft
