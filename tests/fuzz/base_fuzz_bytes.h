// Decisions taken from a fuzzer's input, for targets that drive a state machine; zeros once the input is used up.
#pragma once
#include <algorithm>
#include <cstdlib>

#include "common/base/bytes.h"

namespace weft {

class FuzzBytes {
 public:
  FuzzBytes(const std::uint8_t* data, std::size_t size) : left_(data, size) {}
  bool empty() const { return left_.empty(); }
  std::uint8_t byte() {
    if (left_.empty()) return 0;
    const std::uint8_t first = left_.front();
    left_ = left_.subspan(1);
    return first;
  }
  std::uint32_t word() {
    const std::uint32_t high = byte();
    return high << 8U | byte();
  }
  ByteSpan take(std::size_t count) {
    const ByteSpan taken = left_.first(std::min(count, left_.size()));
    left_ = left_.subspan(taken.size());
    return taken;
  }

 private:
  ByteSpan left_;
};

inline void require(bool holds) {
  if (!holds) std::abort();
}

}  // namespace weft
