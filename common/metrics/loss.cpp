#include "common/metrics/loss.h"

#include <cmath>

namespace weft::metrics {
namespace {

constexpr std::size_t kSize = 2;

void add(Tally& tally, const char* kind, double sum, double count) {
  Counts& counts = tally.part(kind, kSize);
  counts[0] += sum;
  counts[1] += count;
}

// No loss of ours is negative; without examples there is none.
bool plausible(CountsView counts) {
  return counts.size() == kSize && is_count(counts[1]) && is_sum(counts[0]) && counts[0] >= 0 &&
         (counts[1] > 0 || counts[0] == 0);
}

}  // namespace

void add_loss(Tally& tally, double sum, double examples) { add(tally, "loss", sum, examples); }
void add_nll(Tally& tally, double nats, double tokens) { add(tally, "nll", nats, tokens); }

Kind loss_kind() {
  return {.name = "loss",
          .metrics = {{"loss", "loss", Better::lower, Shown::number}},
          .values = [](CountsView counts) { return Counts{ratio(counts[0], counts[1])}; },
          .plausible = plausible,
          .examples = [](CountsView counts) { return std::optional(counts[1]); }};
}

Kind nll_kind() {
  return {.name = "nll",
          .metrics = {{"nll", "NLL", Better::lower, Shown::number},
                      {"perplexity", "perplexity", Better::lower, Shown::number}},
          .values =
              [](CountsView counts) {
                const double mean = ratio(counts[0], counts[1]);
                return Counts{mean, std::exp(mean)};
              },
          .plausible = plausible,
          .examples = [](CountsView /*counts*/) { return std::optional<double>(); }};
}

}  // namespace weft::metrics
