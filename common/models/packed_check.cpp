#include "common/models/packed_check.h"

#include <string>

#include "common/base/result.h"

namespace weft::models {

void check_packed(const nn::Packed& batch, std::int64_t positions, std::int64_t vocabulary) {
  const std::int64_t tokens = batch.ids_T.numel();
  WEFT_CHECK(batch.starts.size() > 1 && batch.starts.front() == 0 && batch.starts.back() == tokens &&
                 batch.position_T.numel() == tokens,
             "a packed batch whose parts differ in length");
  for (std::size_t n = 0; n + 1 < batch.starts.size(); ++n) {
    const std::int64_t length = batch.starts[n + 1] - batch.starts[n];
    if (length < 1 || length > positions)
      throw Failure("sequence " + std::to_string(n) + " of the batch has " + std::to_string(length) +
                    " tokens; the model takes 1 to " + std::to_string(positions) + ". Lower task.max_tokens.");
  }
  if (!batch.ids_T.is_cpu()) return;
  const auto low = batch.ids_T.min().item().toLong(), high = batch.ids_T.max().item().toLong();
  if (low < 0 || high >= vocabulary)
    throw Failure("token id " + std::to_string(low < 0 ? low : high) + " is outside the model's vocabulary of " +
                  std::to_string(vocabulary) + "; tokenizer and model do not belong together");
}

}  // namespace weft::models
