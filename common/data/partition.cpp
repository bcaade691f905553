// The divisions of 0..count-1 among sites. Each uses labelled streams only, so the order of calls does not matter.
#include "common/data/partition.h"

#include <algorithm>
#include <cmath>
#include <map>
#include <numeric>

namespace weft::data {
namespace {

std::vector<std::size_t> shuffled(std::size_t count, RngStream stream) {
  std::vector<std::size_t> order(count);
  std::iota(order.begin(), order.end(), std::size_t{0});
  stream.shuffle(std::span(order));
  return order;
}

// Cuts `order` at the cumulative proportions and appends each part to its site.
void deal(std::span<const std::size_t> order, std::span<const double> proportions, Partition& sites) {
  const double total = std::accumulate(proportions.begin(), proportions.end(), 0.0);
  double sum = 0;
  std::size_t begin = 0;
  for (std::size_t site = 0; site < proportions.size(); ++site) {
    sum += proportions[site];
    const bool last = site + 1 == proportions.size();
    const auto cut = static_cast<std::size_t>(std::floor(static_cast<double>(order.size()) * sum / total + 0.5));
    const std::size_t end = last ? order.size() : std::clamp(cut, begin, order.size());
    sites[site].insert(sites[site].end(), order.begin() + static_cast<std::ptrdiff_t>(begin),
                       order.begin() + static_cast<std::ptrdiff_t>(end));
    begin = end;
  }
}

Partition sorted(Partition sites) {
  for (auto& site : sites) std::sort(site.begin(), site.end());
  return sites;
}

// Positions of each label, by label.
std::map<std::int32_t, std::vector<std::size_t>> by_label(std::span<const std::int32_t> labels) {
  std::map<std::int32_t, std::vector<std::size_t>> groups;
  for (std::size_t i = 0; i < labels.size(); ++i) groups[labels[i]].push_back(i);
  return groups;
}

// A draw from Dirichlet(alpha, ..., alpha). With a small alpha every gamma draw may underflow to zero; then one site,
// chosen at random, gets all, which is the limit.
std::vector<double> dirichlet(std::size_t sites, double alpha, RngStream stream) {
  std::vector<double> shares(sites);
  for (double& share : shares) share = stream.gamma(alpha);
  if (std::accumulate(shares.begin(), shares.end(), 0.0) < 1e-300) shares[stream.below(sites)] = 1;
  return shares;
}

}  // namespace

Partition partition_by_sizes(std::size_t count, std::span<const double> proportions, const Rng& rng) {
  WEFT_CHECK(!proportions.empty(), "no site to deal to");
  Partition sites(proportions.size());
  deal(shuffled(count, rng.stream("partition by sizes")), proportions, sites);
  return sorted(std::move(sites));
}

Partition partition_dirichlet(std::span<const std::int32_t> labels, std::size_t sites, double alpha, const Rng& rng) {
  WEFT_CHECK(sites > 0 && alpha > 0, "no site to deal to, or alpha not positive");
  static constexpr std::uint32_t kTries = 100;
  Partition out;
  for (std::uint32_t attempt = 0; attempt < kTries; ++attempt) {
    out.assign(sites, {});
    for (const auto& [label, members] : by_label(labels)) {
      std::vector<std::size_t> order = members;
      rng.stream("partition dirichlet order", attempt, label).shuffle(std::span(order));
      deal(order, dirichlet(sites, alpha, rng.stream("partition dirichlet shares", attempt, label)), out);
    }
    if (std::none_of(out.begin(), out.end(), [](const auto& site) { return site.empty(); })) break;
  }
  return sorted(std::move(out));
}

Partition partition_shards(std::span<const std::int32_t> labels, std::size_t sites, std::size_t shards_per_site,
                           const Rng& rng) {
  WEFT_CHECK(sites > 0 && shards_per_site > 0, "no site or no shard to deal");
  std::vector<std::size_t> order = shuffled(labels.size(), rng.stream("partition shards order"));
  std::stable_sort(order.begin(), order.end(), [&](std::size_t a, std::size_t b) { return labels[a] < labels[b]; });
  const std::size_t shard_count = sites * shards_per_site;
  Partition shards(shard_count);
  deal(order, std::vector<double>(shard_count, 1.0), shards);
  const auto hands = shuffled(shard_count, rng.stream("partition shards deal"));
  Partition out(sites);
  for (std::size_t i = 0; i < shard_count; ++i) {
    const auto& shard = shards[hands[i]];
    out[i % sites].insert(out[i % sites].end(), shard.begin(), shard.end());
  }
  return sorted(std::move(out));
}

}  // namespace weft::data
