// A guard before a JSON parser. Values of nlohmann::json are copied, compared and written by recursion, so a text of
// nothing but opening brackets would overflow the stack; no file that we read nests more than ten deep.
#pragma once
#include <string_view>

namespace weft {

// The text itself, or an empty one, which is no JSON, where brackets outside strings nest more than 64 deep.
std::string_view shallow_json(std::string_view text);

}  // namespace weft
