// The form of a worker's own files: a mark of 8 characters, u64 little-endian header length, JSON header, payload, and
// the SHA-256 of all before as hex, so that a file that is torn or not ours is told by itself.
#pragma once
#include <string_view>

#include "common/base/bytes.h"
#include "common/base/result.h"

namespace weft::worker {

Bytes framed(std::string_view mark, std::string_view header, ByteSpan payload);

struct Framed {
  ByteSpan header;  // JSON text, of an object
  ByteSpan payload;
};
// Views into `file`. Error: why it is not whole.
Result<Framed> unframed(std::string_view mark, ByteSpan file);

}  // namespace weft::worker
