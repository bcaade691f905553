// Compressed data files. Internal to this library.
#pragma once
#include <optional>
#include <string>

#include "common/base/bytes.h"

namespace weft::data {

// The content of a gzip file (RFC 1952), nothing when the bytes are of another kind. ConfigError naming `origin` when
// it is torn, or holds more than 4 GiB.
std::optional<std::string> gunzip(ByteSpan file, const std::string& origin);

}  // namespace weft::data
