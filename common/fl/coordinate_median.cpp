// Updates wait on disk; the median is taken over a range of coordinates at a time.
#include "common/fl/coordinate_median.h"

#include <algorithm>
#include <array>
#include <bit>
#include <limits>

#include "common/base/result.h"

namespace weft::fl {
namespace {

// Coordinates side by side, one a lane: as many as fill a quarter of the vector registers that every x86-64 has.
using Four = std::int32_t __attribute__((vector_size(16)));
constexpr std::size_t kFours = 4, kLanes = 4 * kFours;
using Lanes = std::array<Four, kFours>;

std::int32_t at(const Lanes& lanes, std::size_t lane) { return lanes[lane / 4][lane % 4]; }
void put(Lanes& lanes, std::size_t lane, std::int32_t value) { lanes[lane / 4][lane % 4] = value; }
Lanes all_of(std::int32_t value) {
  Lanes lanes;
  lanes.fill(Four{value, value, value, value});
  return lanes;
}

// A float's bits as an integer of the same order, and back.
std::int32_t swapped(std::int32_t bits) { return bits ^ ((bits >> 31) & 0x7FFFFFFF); }
std::int32_t in_order(float value) { return swapped(std::bit_cast<std::int32_t>(value)); }
double value_of(std::int32_t key) { return static_cast<double>(std::bit_cast<float>(swapped(key))); }

// How many keys of each lane are below `limit`.
Lanes count_below(std::span<const Lanes> keys, const Lanes& limit) {
  Lanes count = all_of(0);
  for (const Lanes& row : keys)
    for (std::size_t i = 0; i < kFours; ++i) count[i] -= row[i] < limit[i];  // a lane that holds is -1
  return count;
}

// The key of each lane that `rank` others are not above, from its highest bit to its lowest: no branch depends on the
// values, so all lanes go the same way.
Lanes select(std::span<const Lanes> keys, std::int32_t rank) {
  Lanes found = all_of(std::numeric_limits<std::int32_t>::min());
  for (int bit = 31; bit >= 0; --bit) {
    Lanes tried = found;
    for (Four& four : tried) four ^= static_cast<std::int32_t>(std::uint32_t{1} << bit);  // a bit that is not set yet,
    const Lanes below = count_below(keys, tried);                                         // or the sign's, which is
    for (std::size_t i = 0; i < kFours; ++i) found[i] = below[i] <= rank ? tried[i] : found[i];
  }
  return found;
}

// The largest key below `limit` in each lane.
Lanes largest_below(std::span<const Lanes> keys, const Lanes& limit) {
  Lanes largest = all_of(std::numeric_limits<std::int32_t>::min());
  for (const Lanes& row : keys)
    for (std::size_t i = 0; i < kFours; ++i) {
      const Four candidate = row[i] < limit[i] ? row[i] : largest[i];
      largest[i] = candidate > largest[i] ? candidate : largest[i];
    }
  return largest;
}

// Adding zero makes -0 plain 0, for which of two equal zeros comes first depends on the order of arrival.
std::array<double, kLanes> medians(std::span<const Lanes> keys) {
  const auto rank = static_cast<std::int32_t>(keys.size() / 2);
  const Lanes upper = select(keys, rank);
  Lanes lower = upper;
  if (keys.size() % 2 == 0) {
    const Lanes below = count_below(keys, upper), next = largest_below(keys, upper);
    for (std::size_t i = 0; i < kFours; ++i) lower[i] = below[i] == rank ? next[i] : upper[i];
  }
  std::array<double, kLanes> medians{};
  for (std::size_t lane = 0; lane < kLanes; ++lane)
    medians[lane] = (value_of(at(lower, lane)) + value_of(at(upper, lane))) / 2 + 0.0;
  return medians;
}

}  // namespace

void CoordinateMedian::add_window(std::size_t offset, std::span<const float> window, const Share& share) {
  WEFT_CHECK(offset == next_ && window.size() <= parameters_ - offset, "window out of order");
  if (updates_ == nullptr) updates_ = scratch_();
  if (share.staleness == 0) {
    updates_->append(bytes_of(window)).value();
  } else {
    std::vector<float> scaled(window.begin(), window.end());
    for (float& value : scaled) value *= staleness_factor(share.staleness);
    updates_->append(bytes_of(std::span<const float>(scaled))).value();
  }
  next_ += window.size();
  if (next_ < parameters_) return;
  next_ = 0;
  examples_ += share.examples;
  ++count_;
}

std::vector<float> CoordinateMedian::read(std::size_t offset, std::size_t width) const {
  std::vector<float> rows(count_ * width);
  for (std::size_t k = 0; k < count_; ++k) {
    const std::span<float> row = std::span(rows).subspan(k * width, width);
    updates_->read((k * parameters_ + offset) * sizeof(float), writable_bytes_of(row)).value();
  }
  return rows;
}

void CoordinateMedian::apply_window(std::size_t offset, std::span<float> values) const {
  WEFT_CHECK(offset <= parameters_ && values.size() <= parameters_ - offset, "window beyond the updates");
  if (count_ == 0) return;
  const std::size_t most = std::max<std::size_t>(1, kMedianBytes / sizeof(float) / count_);
  std::vector<Lanes> keys(count_);
  for (std::size_t done = 0; done < values.size(); done += most) {
    const std::size_t width = std::min(most, values.size() - done);
    const std::vector<float> rows = read(offset + done, width);
    for (std::size_t i = 0; i < width; i += kLanes) {
      const std::size_t lanes = std::min(kLanes, width - i);
      for (std::size_t k = 0; k < count_; ++k)
        for (std::size_t lane = 0; lane < lanes; ++lane) put(keys[k], lane, in_order(rows[k * width + i + lane]));
      const std::array<double, kLanes> moved = medians(keys);
      for (std::size_t lane = 0; lane < lanes; ++lane) {
        float& value = values[done + i + lane];
        value = static_cast<float>(static_cast<double>(value) + moved[lane]);
      }
    }
  }
}

void CoordinateMedian::clear() {
  updates_.reset();
  next_ = 0;
  examples_ = 0;
  count_ = 0;
}

}  // namespace weft::fl
