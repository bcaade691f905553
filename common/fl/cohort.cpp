// The table of choices: a new one is a function, a line here and a line in the header.
#include "common/fl/cohort.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <numeric>

#include "common/base/result.h"
#include "common/fl/sampling.h"

namespace weft::fl {
namespace {

struct Choice {
  const RoundsConfig& config;
  std::vector<SiteId> sites;  // ascending
  const Past& past;
  std::uint32_t round = 0;
  std::size_t count = 1;  // to ask
  RngStream stream;
};

std::vector<double> examples_of(const Choice& choice) {
  std::vector<double> weights;
  double sum = 0, known = 0;
  for (const SiteId& site : choice.sites) {
    weights.push_back(static_cast<double>(choice.past.of(site).last.examples));
    sum += weights.back();
    known += weights.back() > 0 ? 1 : 0;
  }
  for (double& weight : weights)
    if (weight == 0) weight = known > 0 ? sum / known : 1;
  return weights;
}

std::vector<SiteId> all(Choice& choice) { return choice.sites; }
std::vector<SiteId> uniform(Choice& choice) { return draw_evenly(choice.sites, choice.count, choice.stream); }
std::vector<SiteId> weighted(Choice& choice) {
  return draw_weighted(choice.sites, examples_of(choice), choice.count, choice.stream);
}
std::vector<SiteId> poisson(Choice& choice) { return draw_each(choice.sites, choice.config.fraction, choice.stream); }

std::vector<SiteId> power_of_choice(Choice& choice) {
  const std::size_t wished = choice.config.candidates > 0 ? choice.config.candidates : 2 * choice.count;
  const std::size_t candidates = std::clamp(wished, choice.count, choice.sites.size());
  std::vector<SiteId> drawn = draw_weighted(choice.sites, examples_of(choice), candidates, choice.stream);
  const auto loss = [&](const SiteId& site) {
    const SitePast& past = choice.past.of(site);
    return past.last_round == 0 ? std::numeric_limits<double>::infinity() : past.last.loss;
  };
  std::stable_sort(drawn.begin(), drawn.end(),
                   [&](const SiteId& one, const SiteId& other) { return loss(one) > loss(other); });
  drawn.resize(choice.count);
  return drawn;
}

double learnt(const SitePast& past) { return static_cast<double>(past.last.examples) * std::max(past.last.loss, 0.0); }

OortScale scale_of(const Choice& choice, const std::vector<SiteId>& tried) {
  std::vector<double> all, seconds;
  for (const SiteId& site : tried) {
    all.push_back(learnt(choice.past.of(site)));
    seconds.push_back(choice.past.of(site).last.seconds);
  }
  std::sort(all.begin(), all.end());
  std::sort(seconds.begin(), seconds.end());
  return {.least = all.front(), .most = all[(all.size() - 1) * 95 / 100], .seconds = seconds[seconds.size() / 2]};
}

// Those whose utility comes near that of the last one that would be among the best `count`, in proportion to it.
std::vector<SiteId> exploit(Choice& choice, const std::vector<SiteId>& tried, std::size_t count) {
  if (count == 0) return {};
  constexpr double kNear = 0.95;
  const OortScale scale = scale_of(choice, tried);
  std::vector<std::pair<double, SiteId>> ranked;
  for (const SiteId& site : tried) ranked.emplace_back(oort_utility(choice.past.of(site), choice.round, scale), site);
  std::stable_sort(ranked.begin(), ranked.end(),
                   [](const auto& one, const auto& other) { return one.first > other.first; });
  const double least = kNear * ranked[count - 1].first;
  std::vector<SiteId> near;
  std::vector<double> weights;
  for (const auto& [utility, site] : ranked) {
    if (utility < least) continue;
    near.push_back(site);
    weights.push_back(std::max(utility, 1e-12));
  }
  return draw_weighted(std::move(near), std::move(weights), count, choice.stream);
}

std::vector<SiteId> oort(Choice& choice) {
  std::vector<SiteId> tried, untried;
  for (const SiteId& site : choice.sites) (choice.past.of(site).last_round > 0 ? tried : untried).push_back(site);
  const double part = std::max(0.2, 0.9 * std::pow(0.98, choice.round - 1));
  const auto wished = static_cast<std::size_t>(std::round(part * static_cast<double>(choice.count)));
  const std::size_t least = choice.count - std::min(choice.count, tried.size());
  const std::size_t explored = std::min(std::max(wished, least), untried.size());
  std::vector<SiteId> chosen = draw_evenly(std::move(untried), explored, choice.stream);
  const std::vector<SiteId> best = exploit(choice, tried, choice.count - explored);
  chosen.insert(chosen.end(), best.begin(), best.end());
  return chosen;
}

struct Entry {
  const char* name;
  std::vector<SiteId> (*choose)(Choice& choice);
  bool all_count;  // every update of those asked is wanted, however many they are
};
constexpr Entry kCohorts[] = {
    {"all", all, true},
    {"uniform", uniform, false},
    {"weighted", weighted, false},
    {"poisson", poisson, true},
    {"power_of_choice", power_of_choice, false},
    {"oort", oort, false},
};

}  // namespace

std::vector<std::string> cohort_names() {
  std::vector<std::string> names;
  for (const Entry& entry : kCohorts) names.emplace_back(entry.name);
  return names;
}

Cohort choose_cohort(const RoundsConfig& config, std::vector<SiteId> sites, const Past& past, const Rng& rng,
                     std::uint32_t round) {
  WEFT_CHECK(!sites.empty(), "a cohort of no sites");
  const auto entry = std::find_if(std::begin(kCohorts), std::end(kCohorts),
                                  [&](const Entry& one) { return config.cohort == one.name; });
  WEFT_CHECK(entry != std::end(kCohorts), "no such choice of a cohort: \"" + config.cohort + "\"");
  std::sort(sites.begin(), sites.end());
  const std::size_t wanted = cohort_size(config.fraction, sites.size());
  Choice choice{
      .config = config, .sites = std::move(sites), .past = past, .round = round, .stream = rng.stream("cohort", round)};
  choice.count = asked_size(config.over_selection, wanted, choice.sites.size());
  Cohort cohort{.sites = entry->choose(choice), .wanted = wanted};
  std::sort(cohort.sites.begin(), cohort.sites.end());
  if (entry->all_count) cohort.wanted = cohort.sites.size();
  return cohort;
}

double oort_utility(const SitePast& past, std::uint32_t round, const OortScale& scale) {
  const double range = scale.most - scale.least;
  const double statistical = range > 0 ? (std::min(learnt(past), scale.most) - scale.least) / range : 0;
  const double slow = past.last.seconds > scale.seconds ? scale.seconds / past.last.seconds : 1;
  return (statistical + std::sqrt(0.1 * std::log(round) / past.last_round)) * slow * slow;
}

}  // namespace weft::fl
