// One epoch's batches at a time, each from its own random stream.
#include "common/train/batch_plan.h"

#include <algorithm>
#include <numeric>

#include "common/base/result.h"

namespace weft::train {
namespace {

// Sizes of the batches that `count` examples fill: all `size` but one with the rest, at a random place, so that the
// short batch is not always the one with the longest texts.
std::vector<std::size_t> batch_sizes(std::size_t count, std::size_t size, RngStream& random) {
  std::vector<std::size_t> sizes(count / size, size);
  if (count % size != 0) sizes.push_back(count % size);
  random.shuffle(std::span(sizes));
  return sizes;
}

}  // namespace

BatchPlan::BatchPlan(std::vector<std::uint32_t> lengths, const BatchPlanOptions& options, const Rng& rng,
                     std::string site)
    : lengths_(std::move(lengths)), options_(options), rng_(rng), site_(std::move(site)) {
  WEFT_CHECK(!lengths_.empty(), "a batch plan needs examples");
  WEFT_CHECK(options.batch_size > 0 && options.length_window > 0, "a batch plan needs positive sizes");
}

std::uint64_t BatchPlan::batches_per_epoch() const {
  return (lengths_.size() + options_.batch_size - 1) / options_.batch_size;
}

const Indices& BatchPlan::batch(std::uint64_t step) {
  const std::uint64_t epoch = step / batches_per_epoch();
  if (epoch_ != epoch) plan_epoch(epoch);
  return batches_[step % batches_per_epoch()];
}

void BatchPlan::plan_epoch(std::uint64_t epoch) {
  RngStream random = rng_.stream("order", site_, epoch);
  Indices order(lengths_.size());
  std::iota(order.begin(), order.end(), 0U);
  random.shuffle(std::span(order));

  batches_.clear();
  const std::size_t window = options_.batch_size * options_.length_window;
  for (std::size_t begin = 0; begin < order.size(); begin += window) {
    const std::span<std::uint32_t> examples = std::span(order).subspan(begin, std::min(window, order.size() - begin));
    const auto by_length = [this](std::uint32_t a, std::uint32_t b) { return lengths_[a] < lengths_[b]; };
    if (options_.length_window > 1) std::stable_sort(examples.begin(), examples.end(), by_length);
    const std::size_t first_of_window = batches_.size();
    auto next = examples.begin();
    for (const std::size_t size : batch_sizes(examples.size(), options_.batch_size, random)) {
      Indices batch(next, next + static_cast<std::ptrdiff_t>(size));
      std::stable_sort(batch.begin(), batch.end(), by_length);
      batches_.push_back(std::move(batch));
      next += static_cast<std::ptrdiff_t>(size);
    }
    random.shuffle(std::span(batches_).subspan(first_of_window));
  }
  epoch_ = epoch;
}

std::vector<std::span<const std::uint32_t>> micro_batches(std::span<const std::uint32_t> lengths,
                                                          std::span<const std::uint32_t> batch, std::uint64_t parts,
                                                          std::uint64_t max_tokens) {
  std::vector<std::span<const std::uint32_t>> result;
  parts = std::min<std::uint64_t>(parts, batch.size());
  for (std::uint64_t part = 0; part < parts; ++part) {
    std::size_t begin = batch.size() * part / parts, tokens = 0;
    const std::size_t end = batch.size() * (part + 1) / parts;
    for (std::size_t i = begin; i < end; ++i) {
      const std::size_t length = lengths[batch[i]];
      if (max_tokens != 0 && i > begin && tokens + length > max_tokens) {
        result.push_back(batch.subspan(begin, i - begin));
        begin = i;
        tokens = 0;
      }
      tokens += length;
    }
    result.push_back(batch.subspan(begin, end - begin));
  }
  return result;
}

}  // namespace weft::train
