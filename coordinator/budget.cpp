// A bucket of messages.
#include "coordinator/budget.h"

#include <algorithm>
#include <utility>

namespace weft::coordinator {

void Budget::refill(TimePoint now) {
  const double seconds = std::chrono::duration<double>(now - filled_).count();
  if (left_ < kAllowance) left_ = std::min(kAllowance, left_ + std::max(0.0, seconds) * kEachSecond);
  filled_ = now;
}

void Budget::work_was_sent(std::uint32_t round, std::uint32_t version, TimePoint now) {
  if (asked_ && round == round_ && version == version_) return;
  asked_ = true;
  round_ = round;
  version_ = version;
  refill(now);
  left_ = std::min(left_ + for_work_, kAllowance + 2 * for_work_);
}

void Budget::base_was_listed(std::size_t files, TimePoint now) {
  refill(now);
  if (!std::exchange(listed_, true)) left_ += 4 * kFetch * static_cast<double>(files);
}

bool Budget::begin_session(TimePoint now) {
  refill(now);
  return left_ >= kToBegin && spend(kHello, now);
}

bool Budget::spend(double cost, TimePoint now) {
  refill(now);
  if (left_ < cost) return false;
  left_ -= cost;
  return true;
}

}  // namespace weft::coordinator
