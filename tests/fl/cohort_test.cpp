// What every choice of a cohort must do, and whom each prefers.
#include "common/fl/cohort.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <map>
#include <set>

#include "common/fl/sampling.h"
#include "tests/fl/round_support.h"

namespace weft::fl {
namespace {

using testing::ElementsAre;
using testing::IsSubsetOf;

std::vector<SiteId> sites(int count) {
  std::vector<SiteId> all;
  for (int i = 0; i < count; ++i) all.push_back({"site-" + std::to_string(100 + i)});
  return all;
}

// A history in which some sites were counted, with all that a choice may look at.
std::vector<PastRound> history(const std::vector<SiteId>& all, std::uint32_t rounds, std::uint64_t seed) {
  RngStream stream = Rng(seed).stream("history");
  std::vector<PastRound> past;
  for (std::uint32_t round = 1; round <= rounds; ++round) {
    PastRound next{.round = round};
    for (const SiteId& site : all) {
      if (stream.below(3) != 0) continue;
      next.cohort.push_back(site);
      if (stream.below(4) != 0)
        next.updates.push_back({.site = site,
                                .examples = 10 + stream.below(1000),
                                .loss = 3 * stream.uniform(),
                                .steps = 20,
                                .seconds = 3000 * stream.uniform()});
    }
    past.push_back(std::move(next));
  }
  return past;
}

Past noted(const std::vector<PastRound>& rounds) {
  Past past;
  for (const PastRound& round : rounds) past.note(round);
  return past;
}

RoundsConfig config(const std::string& cohort, double fraction, double over_selection = 1) {
  return {.cohort = cohort, .fraction = fraction, .over_selection = over_selection};
}

class EachCohort : public testing::TestWithParam<std::string> {};
INSTANTIATE_TEST_SUITE_P(Table, EachCohort, testing::ValuesIn(cohort_names()),
                         [](const auto& tested) { return tested.param; });

TEST_P(EachCohort, IsAscendingDistinctOfTheListedAndOfItsSize) {
  const auto all = sites(12);
  for (std::uint32_t round = 1; round <= 200; ++round) {
    const Past past = noted(history(all, round - 1, 5));
    const Cohort cohort = choose_cohort(config(GetParam(), 0.4, 1.3), all, past, Rng(3), round);
    EXPECT_TRUE(std::is_sorted(cohort.sites.begin(), cohort.sites.end()));
    EXPECT_EQ(std::set<SiteId>(cohort.sites.begin(), cohort.sites.end()).size(), cohort.sites.size());
    EXPECT_THAT(cohort.sites, IsSubsetOf(all));
    EXPECT_GE(cohort.sites.size(), cohort.wanted);
    ASSERT_GE(cohort.wanted, 1U);
    if (GetParam() == "all") {
      EXPECT_EQ(cohort.sites, all);
    } else if (GetParam() == "poisson") {
      EXPECT_EQ(cohort.wanted, cohort.sites.size());
    } else {
      EXPECT_EQ(cohort.wanted, 5U);
      EXPECT_EQ(cohort.sites.size(), 7U);
    }
  }
}

TEST_P(EachCohort, FollowsFromSeedRoundAndHistoryAlone) {
  const auto all = sites(12);
  auto reversed = all;
  std::reverse(reversed.begin(), reversed.end());
  std::set<std::vector<SiteId>> by_round, by_seed;
  for (std::uint32_t i = 1; i <= 50; ++i) {
    const auto rounds = history(all, i - 1, 8);
    const auto chosen = [&](const std::vector<SiteId>& from, std::uint64_t seed) {
      return choose_cohort(config(GetParam(), 0.5), from, noted(rounds), Rng(seed), i).sites;
    };
    EXPECT_EQ(chosen(all, 3), chosen(reversed, 3));
    by_round.insert(chosen(all, 3));
    by_seed.insert(choose_cohort(config(GetParam(), 0.5), all, {}, Rng(i), 1).sites);
  }
  if (GetParam() == "all") return;
  EXPECT_GT(by_round.size(), 25U);
  EXPECT_GT(by_seed.size(), 40U);
}

// A round at a time, as the running machine notes them, or all at once, as after a crash.
TEST_P(EachCohort, AResumedRunChoosesTheSame) {
  const auto all = sites(9);
  const auto rounds = history(all, 30, 2);
  Past running;
  for (std::uint32_t round = 1; round <= 30; ++round) {
    const Past resumed = noted({rounds.begin(), rounds.begin() + round - 1});
    EXPECT_EQ(choose_cohort(config(GetParam(), 0.34), all, running, Rng(1), round).sites,
              choose_cohort(config(GetParam(), 0.34), all, resumed, Rng(1), round).sites);
    running.note(rounds[round - 1]);
  }
}

// Pearson's statistic of how often each site was drawn, where each draw takes one site.
double chi_square(const RoundsConfig& config, const std::vector<SiteId>& all, const Past& past,
                  const std::vector<double>& shares, int draws) {
  std::map<SiteId, double> drawn;
  for (int i = 0; i < draws; ++i)
    for (const SiteId& site : choose_cohort(config, all, past, Rng(static_cast<std::uint64_t>(i)), 200).sites)
      drawn[site] += 1;
  double sum = 0;
  for (std::size_t i = 0; i < all.size(); ++i) {
    const double expected = shares[i] * draws, found = drawn[all[i]];
    if (expected == 0) {
      EXPECT_EQ(found, 0) << all[i].name;
    } else {
      sum += (found - expected) * (found - expected) / expected;
    }
  }
  return sum;
}

// Each site counted once, in round 1, with these examples and losses.
Past counted(const std::vector<SiteId>& all, const std::vector<std::uint64_t>& examples,
             const std::vector<double>& losses) {
  PastRound round{.round = 1, .cohort = all};
  for (std::size_t i = 0; i < all.size(); ++i)
    round.updates.push_back({.site = all[i], .examples = examples[i], .loss = losses[i], .steps = 1, .seconds = 1});
  return noted({round});
}

constexpr int kDraws = 20'000;
constexpr double kThree = 16.27;  // what chi-square of 3 degrees exceeds once in a thousand

TEST(CohortTest, UniformTakesEachSiteEquallyOften) {
  EXPECT_LT(chi_square(config("uniform", 0.25), sites(4), {}, {0.25, 0.25, 0.25, 0.25}, kDraws), kThree);
}

TEST(CohortTest, WeightedTakesSitesByTheirExamples) {
  const Past past = counted(sites(4), {100, 200, 300, 400}, {1, 1, 1, 1});
  EXPECT_LT(chi_square(config("weighted", 0.25), sites(4), past, {0.1, 0.2, 0.3, 0.4}, kDraws), kThree);
  EXPECT_GT(chi_square(config("uniform", 0.25), sites(4), past, {0.1, 0.2, 0.3, 0.4}, kDraws), kThree)
      << "this test could not tell them apart";
}

TEST(CohortTest, ASiteNotYetHeardOfWeighsAsTheOthersDo) {
  const auto all = sites(3);
  const Past past = noted(
      {{.round = 1, .cohort = all, .updates = {{.site = all[0], .examples = 100}, {.site = all[1], .examples = 300}}}});
  EXPECT_LT(chi_square(config("weighted", 0.34), all, past, {1.0 / 6, 0.5, 1.0 / 3}, kDraws), kThree);
}

TEST(CohortTest, PoissonTakesEachSiteByItself) {
  const auto all = sites(4);
  const double empty = std::pow(0.7, 4), each = 0.3 / (1 - empty);  // nobody is no cohort
  std::map<std::size_t, double> sizes;
  std::map<SiteId, double> drawn;
  for (int i = 0; i < kDraws; ++i) {
    const Cohort cohort = choose_cohort(config("poisson", 0.3), all, {}, Rng(static_cast<std::uint64_t>(i)), 1);
    sizes[cohort.sites.size()] += 1;
    for (const SiteId& site : cohort.sites) drawn[site] += 1;
  }
  double sum = 0;
  const double ways[] = {0, 4, 6, 4, 1};
  for (std::size_t size = 1; size <= 4; ++size) {
    const double share = ways[size] * std::pow(0.3, size) * std::pow(0.7, 4 - size) / (1 - empty);
    sum += (sizes[size] - share * kDraws) * (sizes[size] - share * kDraws) / (share * kDraws);
  }
  EXPECT_LT(sum, kThree) << "the sizes are binomial";
  for (const SiteId& site : all)
    EXPECT_NEAR(drawn[site], each * kDraws, 4 * std::sqrt(kDraws * each * (1 - each))) << site.name;
}

TEST(CohortTest, PoissonOfNextToNothingIsOneSite) {
  std::set<SiteId> drawn;
  for (std::uint32_t round = 1; round <= 100; ++round) {
    const Cohort cohort = choose_cohort(config("poisson", 1e-12), sites(4), {}, Rng(1), round);
    ASSERT_EQ(cohort.sites.size(), 1U);
    drawn.insert(cohort.sites[0]);
  }
  EXPECT_EQ(drawn.size(), 4U) << "and every one of them is drawn as often";
}

// Of two candidates drawn by examples the one with the higher loss.
TEST(CohortTest, PowerOfChoiceTakesTheWorstOfItsCandidates) {
  const auto all = sites(4);
  const Past past = counted(all, {100, 100, 100, 100}, {4, 3, 2, 1});
  RoundsConfig two = config("power_of_choice", 0.25);
  EXPECT_LT(chi_square(two, all, past, {3.0 / 6, 2.0 / 6, 1.0 / 6, 0}, kDraws), kThree);
  two.candidates = 4;
  EXPECT_EQ(choose_cohort(two, all, past, Rng(1), 5).sites, std::vector<SiteId>{all[0]});
  two.candidates = 1;
  EXPECT_LT(chi_square(two, all, past, {0.25, 0.25, 0.25, 0.25}, kDraws), kThree);
}

TEST(CohortTest, PowerOfChoiceTriesEverySiteFirst) {
  const auto all = sites(3);
  const Past past = noted({{.round = 1, .cohort = all, .updates = {{.site = all[0], .examples = 9, .loss = 1e9}}}});
  RoundsConfig all_candidates = config("power_of_choice", 0.34);
  all_candidates.candidates = 3;
  for (std::uint32_t round = 2; round < 20; ++round)
    EXPECT_THAT(choose_cohort(all_candidates, all, past, Rng(1), round).sites, testing::Not(ElementsAre(all[0])));
}

TEST(CohortTest, OortsUtilityIsItsFormula) {
  SitePast past{.last = {.examples = 100, .loss = 2, .seconds = 50}, .last_round = 4};
  const double uncertain = std::sqrt(0.1 * std::log(9.0) / 4);
  EXPECT_DOUBLE_EQ(oort_utility(past, 9, {.least = 100, .most = 500, .seconds = 60}), 0.25 + uncertain);
  EXPECT_DOUBLE_EQ(oort_utility(past, 9, {.least = 100, .most = 150, .seconds = 60}), 1 + uncertain) << "clipped";
  EXPECT_DOUBLE_EQ(oort_utility(past, 9, {.least = 100, .most = 500, .seconds = 25}), (0.25 + uncertain) / 4)
      << "twice as slow as most";
  EXPECT_DOUBLE_EQ(oort_utility(past, 9, {.least = 200, .most = 200, .seconds = 60}), uncertain) << "all alike";
}

TEST(CohortTest, OortAsksAgainWhoWasNotHeardOfForLong) {
  const auto all = sites(3);
  PastRound first{.round = 1, .cohort = all}, later{.round = 100, .cohort = all};
  for (const SiteId& site : all) first.updates.push_back({.site = site, .examples = 100, .loss = 2, .seconds = 1});
  later.updates = {first.updates[0], first.updates[1]};
  later.updates[0].loss = 3;
  first.updates[2].loss = 2.5;
  const Past past = noted({first, later});
  int asked = 0;
  for (std::uint32_t round = 101; round <= 120; ++round)
    asked += choose_cohort(config("oort", 0.34), all, past, Rng(1), round).sites == std::vector<SiteId>{all[2]} ? 1 : 0;
  EXPECT_EQ(asked, 20) << "what it had to teach is less than the first one's, and old";
}

// Three sites come near the best, in proportion to their utilities; the fourth does not.
TEST(CohortTest, OortTakesTheMostUseful) {
  const auto all = sites(4);
  const Past past = counted(all, {1'000'000, 1'000'000, 1'000'000, 1'000'000}, {1, 0.99, 0.96, 0.5});
  // The best is clipped to what 95 of 100 do not exceed, the 0.99 of the second; the third is at 0.46 / 0.49 of the
  // way.
  const double uncertain = std::sqrt(0.1 * std::log(200.0)), best = 1 + uncertain, third = 0.46 / 0.49 + uncertain;
  const double sum = 2 * best + third;
  EXPECT_LT(chi_square(config("oort", 0.25), all, past, {best / sum, best / sum, third / sum, 0}, kDraws), kThree);
}

TEST(CohortTest, OortGivesAPartOfThePlacesToSitesNeverTried) {
  const auto all = sites(20);
  PastRound one{.round = 1, .cohort = all};
  for (int i = 0; i < 10; ++i)
    one.updates.push_back({.site = all[static_cast<std::size_t>(i)], .examples = 10, .loss = 1});
  const Past past = noted({one});
  const auto untried = [&](std::uint32_t round) {
    const Cohort cohort = choose_cohort(config("oort", 0.5), all, past, Rng(1), round);
    return std::count_if(cohort.sites.begin(), cohort.sites.end(),
                         [&](const SiteId& site) { return past.of(site).last_round == 0; });
  };
  EXPECT_EQ(untried(1), 9) << "0.9 of ten";
  EXPECT_EQ(untried(30), 5) << "0.9 · 0.98^29 = 0.501";
  EXPECT_EQ(untried(500), 2) << "never less than 0.2";
  EXPECT_EQ(choose_cohort(config("oort", 0.5), all, {}, Rng(1), 2).sites.size(), 10U) << "nobody was tried yet";
}

// The draws of runs that were begun before there was a choice.
TEST(CohortTest, UniformDrawsAsItAlwaysDid) {
  EXPECT_EQ(names(draw_cohort(sites_named("abcdefghij"), 0.3, Rng(7), 1)), "c d e");
  EXPECT_EQ(names(draw_cohort(sites_named("abcdefghij"), 0.3, Rng(7), 2)), "e h j");
}

TEST(PastTest, SlowSitesGetFewerSteps) {
  RoundsConfig rounds{.deadline = Milliseconds(100'000), .min_steps = 4, .local_steps = 64};
  EXPECT_EQ(steps_for({}, rounds), 64U) << "nothing is known of it";
  SitePast past{.last = {.steps = 10, .seconds = 25}, .last_round = 1};
  EXPECT_EQ(steps_for(past, rounds), 30U) << "0.4 steps a second in 75 s";
  past.misses = 2;
  EXPECT_EQ(steps_for(past, rounds), 8U) << "30 / 4, rounded";
  past.misses = 200;
  EXPECT_EQ(steps_for(past, rounds), 4U) << "min_steps";
  EXPECT_EQ(steps_for({.misses = 1}, rounds), 32U) << "asked in vain, and nothing else is known";
  past = {.last = {.steps = 64, .seconds = 1}, .last_round = 1};
  EXPECT_EQ(steps_for(past, rounds), 64U) << "never more than the run file says";
  rounds.min_steps = 0;
  EXPECT_EQ(steps_for(past, rounds), 0U) << "as the run file says";
}

TEST(PastTest, NotesWhatCountedAndWhatDidNot) {
  const SiteId a{"a"}, b{"b"};
  Past past;
  past.note({.round = 1, .cohort = {a, b}, .updates = {{.site = a, .examples = 5, .loss = 2}}});
  EXPECT_EQ(past.of(a).last_round, 1U);
  EXPECT_EQ(past.of(a).misses, 0U);
  EXPECT_EQ(past.of(b).last_round, 0U);
  EXPECT_EQ(past.of(b).misses, 1U);
  past.note({.round = 5, .cohort = {a}, .updates = {{.site = b, .staleness = 3, .examples = 6}}});
  EXPECT_EQ(past.of(a).misses, 1U);
  EXPECT_EQ(past.of(b).misses, 0U);
  EXPECT_EQ(past.of(b).last.examples, 6U);
  EXPECT_THAT(past.of(b).versions, ElementsAre(1));
  past.note({.round = 200, .cohort = {b}, .updates = {{.site = b}}});
  EXPECT_THAT(past.of(b).versions, ElementsAre(199)) << "older ones can come no more";
  EXPECT_EQ(past.of({"c"}).last_round, 0U);
}

}  // namespace
}  // namespace weft::fl
