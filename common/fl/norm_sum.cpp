// Squares in doubles: the square of no float overflows one, nor does the sum of so many, so a sum is finite when all
// values are.
#include "common/fl/norm_sum.h"

#include <algorithm>
#include <bit>
#include <cmath>
#include <cstring>

namespace weft::fl {
namespace {

static_assert(std::endian::native == std::endian::little, "an update is the little-endian buffer itself");

std::string text_of(float value, std::size_t at) {
  return std::string(std::isnan(value) ? "NaN" : "Inf") + " at " + std::to_string(at);
}

double square(float value) { return static_cast<double>(value) * static_cast<double>(value); }

}  // namespace

void NormSum::add(ByteSpan bytes) {
  if (rest_ > 0) {
    const std::size_t more = std::min(kBlockBytes - rest_, bytes.size());
    std::memcpy(reinterpret_cast<std::uint8_t*>(block_.data()) + rest_, bytes.data(), more);
    rest_ += more;
    bytes = bytes.subspan(more);
    if (rest_ < kBlockBytes) return;
    rest_ = 0;
    add_blocks(bytes_of(std::span<const float>(block_)));
  }
  const std::size_t whole = bytes.size() / kBlockBytes * kBlockBytes;
  add_blocks(bytes.first(whole));
  rest_ = bytes.size() - whole;
  if (rest_ > 0) std::memcpy(block_.data(), bytes.data() + whole, rest_);
}

void NormSum::add_blocks(ByteSpan blocks) {
  const std::size_t before = blocks_;
  Block block;
  std::array<double, kLanes> sums = sums_;
  for (std::size_t at = 0; at < blocks.size(); at += kBlockBytes) {
    std::memcpy(block.data(), blocks.data() + at, kBlockBytes);  // bytes lie at any address
    for (std::size_t lane = 0; lane < kLanes; ++lane) sums[lane] += square(block[lane]);
  }
  sums_ = sums;
  blocks_ += blocks.size() / kBlockBytes;
  if (not_finite_ || finite()) return;
  for (std::size_t at = 0; !not_finite_; at += kBlockBytes) {
    std::memcpy(block.data(), blocks.data() + at, kBlockBytes);
    const auto bad = std::find_if(block.begin(), block.end(), [](float value) { return !std::isfinite(value); });
    if (bad == block.end()) continue;
    not_finite_ = text_of(*bad, kLanes * before + at / sizeof(float) + static_cast<std::size_t>(bad - block.begin()));
  }
}

bool NormSum::finite() const {
  return std::all_of(sums_.begin(), sums_.end(), [](double sum) { return std::isfinite(sum); });
}

double NormSum::norm() const {
  double total = 0;
  for (std::size_t i = 0; i < rest_ / sizeof(float); ++i) total += square(block_[i]);
  for (const double sum : sums_) total += sum;
  return std::sqrt(total);
}

std::optional<std::string> NormSum::not_finite() const {
  if (not_finite_) return not_finite_;
  for (std::size_t i = 0; i < rest_ / sizeof(float); ++i)
    if (!std::isfinite(block_[i])) return text_of(block_[i], kLanes * blocks_ + i);
  return std::nullopt;
}

}  // namespace weft::fl
