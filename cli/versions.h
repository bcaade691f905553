// What this binary is and links.
#pragma once
#include <map>
#include <string>

namespace weft::cli {

// "weft", "libtorch", "zeromq", "openssl".
std::map<std::string, std::string> linked_versions();

}  // namespace weft::cli
