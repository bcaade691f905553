// Updates wait on disk; the median is taken over a range of coordinates at a time.
#include "common/fl/coordinate_median.h"

#include <algorithm>

#include "common/base/result.h"

namespace weft::fl {
namespace {

// Sorts `values` in part. Adding zero makes -0 plain 0, for which of two equal zeros comes first depends on the order
// of arrival.
double median(std::span<float> values) {
  const auto middle = values.begin() + static_cast<std::ptrdiff_t>(values.size() / 2);
  std::nth_element(values.begin(), middle, values.end());
  if (values.size() % 2 == 1) return static_cast<double>(*middle) + 0.0;
  const float below = *std::max_element(values.begin(), middle);
  return (static_cast<double>(below) + static_cast<double>(*middle)) / 2 + 0.0;
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
  std::vector<float> column(count_);
  for (std::size_t done = 0; done < values.size(); done += most) {
    const std::size_t width = std::min(most, values.size() - done);
    const std::vector<float> rows = read(offset + done, width);
    for (std::size_t i = 0; i < width; ++i) {
      for (std::size_t k = 0; k < count_; ++k) column[k] = rows[k * width + i];
      float& value = values[done + i];
      value = static_cast<float>(static_cast<double>(value) + median(column));
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
