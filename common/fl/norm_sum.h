// The norm of an update whose bytes come in pieces, cut anywhere. However they are cut, it has the same bits.
#pragma once
#include <array>
#include <cstddef>
#include <optional>
#include <span>
#include <string>

#include "common/base/bytes.h"

namespace weft::fl {

class NormSum {
 public:
  NormSum() = default;
  explicit NormSum(std::span<const float> whole) { add(bytes_of(whole)); }
  void add(ByteSpan bytes);  // of little-endian floats
  std::size_t count() const { return kLanes * blocks_ + rest_ / sizeof(float); }
  double norm() const;  // L2; NaN or Inf when one of the values is
  // The first value that is no finite number, when there is one: "NaN at 3".
  std::optional<std::string> not_finite() const;

 private:
  static constexpr std::size_t kLanes = 8, kBlockBytes = kLanes * sizeof(float);
  using Block = std::array<float, kLanes>;
  void add_blocks(ByteSpan blocks);
  bool finite() const;

  std::array<double, kLanes> sums_{};  // partial sums let the compiler use vectors
  std::size_t blocks_ = 0;             // in sums_
  Block block_{};                      // the next one
  std::size_t rest_ = 0;               // bytes of it that are here
  std::optional<std::string> not_finite_;
};

}  // namespace weft::fl
