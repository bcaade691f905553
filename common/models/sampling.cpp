// One token from a row of logits.
#include <algorithm>
#include <cmath>
#include <numeric>
#include <string>

#include "common/base/result.h"
#include "common/models/generation.h"

namespace weft::models {
namespace {

struct Candidate {
  std::int64_t id;
  double weight;  // e^((logit − largest)/temperature)
};

// Most probable first; equal ones by their ids.
std::vector<Candidate> ranked(std::span<const float> logits, const Sampling& sampling) {
  const float largest = *std::max_element(logits.begin(), logits.end());
  std::vector<Candidate> all;
  all.reserve(logits.size());
  for (std::size_t i = 0; i < logits.size(); ++i)
    all.push_back({static_cast<std::int64_t>(i),
                   std::exp((static_cast<double>(logits[i]) - static_cast<double>(largest)) / sampling.temperature)});
  const auto better = [](const Candidate& a, const Candidate& b) {
    return a.weight != b.weight ? a.weight > b.weight : a.id < b.id;
  };
  const bool cut = sampling.top_k > 0 && sampling.top_k < std::ssize(all);
  const auto kept = cut ? all.begin() + sampling.top_k : all.end();
  if (cut) std::nth_element(all.begin(), kept, all.end(), better);
  all.erase(kept, all.end());
  if (cut || sampling.top_p < 1) std::sort(all.begin(), all.end(), better);
  return all;
}

double total(const std::vector<Candidate>& candidates) {
  return std::accumulate(candidates.begin(), candidates.end(), 0.0,
                         [](double sum, const Candidate& candidate) { return sum + candidate.weight; });
}

// Keeps the first ones until their share reaches top_p.
void keep_nucleus(std::vector<Candidate>& candidates, double top_p) {
  double left = top_p * total(candidates);
  for (std::size_t i = 0; i < candidates.size(); ++i) {
    left -= candidates[i].weight;
    if (left <= 0) {
      candidates.resize(i + 1);
      return;
    }
  }
}

}  // namespace

std::int64_t sample(std::span<const float> logits, const Sampling& sampling, RngStream& rng) {
  WEFT_CHECK(!logits.empty() && sampling.temperature >= 0 && sampling.top_p > 0, "sampling settings out of range");
  const auto broken = std::find_if(logits.begin(), logits.end(), [](float logit) { return !std::isfinite(logit); });
  if (broken != logits.end())
    throw Failure("the model's logit of token " + std::to_string(broken - logits.begin()) + " is " +
                  std::to_string(*broken) + ", expected a finite number; its weights or its adapter are broken");
  if (sampling.temperature == 0) return std::max_element(logits.begin(), logits.end()) - logits.begin();
  std::vector<Candidate> candidates = ranked(logits, sampling);
  if (sampling.top_p < 1) keep_nucleus(candidates, sampling.top_p);
  double left = rng.uniform() * total(candidates);
  for (const Candidate& candidate : candidates) {
    left -= candidate.weight;
    if (left < 0) return candidate.id;
  }
  return candidates.back().id;
}

}  // namespace weft::models
