// Rounds that do not wait for everybody: over-selection, late updates, buffered rounds, fewer steps. What the ledger
// says of a run is enough to make its adapters again, bit for bit.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/coordinator/coordinator_support.h"

namespace weft::coordinator {
namespace {

using testing::Contains;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::Not;

// "editorials film+2", by site: counted, and how many versions late.
std::string counted(const RoundRow& row) {
  std::string text;
  for (const UpdateRow& update : row.updates) {
    text += (text.empty() ? "" : " ") + update.site.name;
    if (update.staleness > 0) text += "+" + std::to_string(update.staleness);
  }
  return text;
}

// What happens to the sites when so many rounds are committed.
void when_committed(Job& job, std::size_t rounds, std::function<void()> happens) {
  job.transport.before_event = [&job, rounds, happens = std::move(happens), done = false]() mutable {
    if (done || job.seen.all<telemetry::RoundCommitted>().size() < rounds) return;
    done = true;
    happens();
  };
}

TEST(OverSelectionTest, TheFirstAreCountedAndTheLastIsLate) {
  Job job;
  job.rounds = {.count = 3, .fraction = 0.75, .over_selection = 1.3};  // three of four
  job.site("film").slow = true;
  when_committed(job, 2, [&] { job.site("film").be_quick(); });
  EXPECT_TRUE(job.run().finished);
  const auto rounds = rounds_of(job);
  ASSERT_EQ(rounds.size(), 3U);
  EXPECT_EQ(rounds[0].cohort, job.listed) << "all four are asked";
  EXPECT_EQ(counted(rounds[0]), "editorials reviews tweets");
  EXPECT_LT(rounds[0].seconds, 60) << "nobody waited for the deadline";
  EXPECT_THAT(job.site("film").verdicts, Contains("2 late"));
  expect_the_ledger_makes_the_adapters(job);
}

TEST(OverSelectionTest, TheSameCountedGiveTheSameBits) {
  std::map<std::string, std::set<std::string>> adapters;  // by who was counted
  for (std::uint64_t order = 1; order <= 40; ++order) {
    Job job(order);
    job.rounds = {.count = 1, .fraction = 0.5, .over_selection = 2};
    job.run();
    const RoundRow row = rounds_of(job).at(0);
    EXPECT_EQ(row.updates.size(), 2U);
    adapters[counted(row)].insert(row.adapter_digest);
  }
  EXPECT_GT(adapters.size(), 3U) << "arrival decides who is counted";
  for (const auto& [who, digests] : adapters) EXPECT_EQ(digests.size(), 1U) << who;
}

// It was at work on a round that closed without it, and the next one does not ask it.
TEST(LateTest, WhatWasFinishedWhileTheCoordinatorWasAwayStillCounts) {
  const fl::RoundsConfig rounds{.count = 3, .fraction = 0.25, .over_selection = 2, .max_staleness = 3};
  Job calm;
  calm.rounds = rounds;
  calm.run();
  const auto cohorts = rounds_of(calm);
  std::vector<SiteId> once = cohorts[0].cohort;
  std::erase_if(once, [&](const SiteId& site) { return std::ranges::count(cohorts[1].cohort, site) > 0; });
  ASSERT_FALSE(once.empty());
  int counts = 0;
  for (std::uint64_t order = 1; order <= 20; ++order) {
    Job job(order);
    job.rounds = rounds;
    job.site(once[0].name).slow = true;
    when_committed(job, 1, [] { throw Crash{}; });
    EXPECT_THROW(job.run(), Crash);
    job.transport.lose_sessions();
    job.site(once[0].name).be_quick();
    EXPECT_TRUE(job.run(true).finished);
    counts += counted(rounds_of(job)[1]).find(once[0].name + "+1") != std::string::npos ? 1 : 0;
    expect_the_ledger_makes_the_adapters(job);
  }
  EXPECT_GT(counts, 0) << "it was never the first";
}

// A deadline that is shorter than the time that sites wait before they connect anew.
TEST(LateTest, AResumedRoundWaitsForThoseWhoComeBack) {
  Job job;
  job.rounds = {.count = 2, .quorum = 0.5, .deadline = Milliseconds(1'000)};
  for (const auto& site : job.sites) site->slow = true;
  job.transport.before_event = [&job, died = false]() mutable {
    if (died || job.site("film").trained == 0) return;
    died = true;
    throw Crash{};
  };
  EXPECT_THROW(job.run(), Crash);
  job.transport.lose_sessions();
  for (const auto& site : job.sites) site->be_quick();
  job.site("film").wants_session = false;
  job.transport.before_event = [&job, began = job.clock.now()] {
    job.clock.advance(Milliseconds(300));
    if (job.clock.now() - began > Milliseconds(20'000)) job.site("film").wants_session = true;
  };
  EXPECT_TRUE(job.run(true).finished);
  EXPECT_THAT(job.site("film").verdicts, Contains("1 committed"));
}

fl::RoundsConfig late_by(std::uint32_t versions) {
  return {.count = 4, .quorum = 0.75, .deadline = Milliseconds(60'000), .max_staleness = versions};
}

TEST(LateTest, ALateUpdateIsCountedWithItsStaleness) {
  Job job;
  job.rounds = late_by(3);
  job.site("film").slow = true;
  when_committed(job, 2, [&] { job.site("film").be_quick(); });
  EXPECT_TRUE(job.run().finished);
  const auto rounds = rounds_of(job);
  ASSERT_EQ(rounds.size(), 4U);
  EXPECT_EQ(counted(rounds[1]), "editorials reviews tweets");
  EXPECT_EQ(counted(rounds[2]), "editorials film+2 reviews tweets");
  EXPECT_EQ(counted(rounds[3]), "editorials film reviews tweets");
  EXPECT_EQ(rounds[2].updates[1].values.count("staleness"), 0U) << "not among what the site said";
  EXPECT_THAT(job.site("film").verdicts, ElementsAre("1 committed", "4 committed"));
  EXPECT_EQ(job.site("film").trained, 2) << "it was left to its work";
  expect_the_ledger_makes_the_adapters(job);
}

TEST(LateTest, ASiteThatComesBackFetchesTheVersionItWorksOn) {
  Job job;
  job.rounds = late_by(3);
  job.site("film").trains = false;  // it is interrupted before it has an update
  when_committed(job, 2, [&] {
    job.site("film").trains = true;
    job.transport.lose(job.site("film"));
  });
  EXPECT_TRUE(job.run().finished);
  EXPECT_EQ(counted(rounds_of(job)[2]), "editorials film+2 reviews tweets");
  expect_the_ledger_makes_the_adapters(job);
}

TEST(LateTest, AnUpdateThatIsTooOldIsRefusedAsLate) {
  Job job;
  job.rounds = late_by(1);
  job.site("film").slow = true;
  when_committed(job, 2, [&] { job.site("film").be_quick(); });
  EXPECT_TRUE(job.run().finished);
  EXPECT_THAT(job.site("film").verdicts, ElementsAre("1 late", "3 committed", "4 committed"));
  expect_the_ledger_makes_the_adapters(job);
}

fl::RoundsConfig buffered(std::uint32_t count, std::uint32_t buffer, std::uint32_t concurrency = 0) {
  return {.mode = fl::RoundsConfig::Mode::buffered,
          .count = count,
          .deadline = Milliseconds(60'000),
          .max_staleness = 10,
          .buffer = buffer,
          .concurrency = concurrency};
}

TEST(BufferedTest, ASlowSiteHoldsUpNobodyAndIsCountedWhenItComes) {
  Job job;
  job.rounds = buffered(6, 3);
  job.site("tweets").slow = true;
  when_committed(job, 3, [&] { job.site("tweets").be_quick(); });
  EXPECT_TRUE(job.run().finished);
  const auto rounds = rounds_of(job);
  ASSERT_EQ(rounds.size(), 6U);
  for (int i = 0; i < 3; ++i) EXPECT_EQ(counted(rounds[static_cast<std::size_t>(i)]), "editorials film reviews");
  std::string rest;
  for (std::size_t i = 3; i < 6; ++i) rest += counted(rounds[i]) + ", ";
  EXPECT_THAT(rest, HasSubstr("tweets+"));
  for (const RoundRow& row : rounds) EXPECT_LT(row.seconds, 30);
  expect_the_ledger_makes_the_adapters(job);
}

// The same buffers filled in another order give the same bits.
TEST(BufferedTest, TheOrderWithinABufferChangesNoBit) {
  struct Seen {
    std::set<std::string> adapters, orders;
  };
  std::map<std::string, Seen> by_buffers;
  for (std::uint64_t order = 1; order <= 60; ++order) {
    Job job(order);
    job.rounds = buffered(2, 3);
    job.site("tweets").slow = true;
    when_committed(job, 1, [&] { job.site("tweets").be_quick(); });
    job.run();
    std::string buffers, arrivals;
    const auto rounds = rounds_of(job);
    for (const RoundRow& row : rounds) buffers += counted(row) + ", ";
    for (const auto& accepted : job.seen.all<telemetry::UpdateAccepted>()) arrivals += accepted.site + " ";
    by_buffers[buffers].adapters.insert(rounds.back().adapter_digest);
    by_buffers[buffers].orders.insert(arrivals);
  }
  EXPECT_GT(by_buffers.size(), 1U);
  bool reordered = false;
  for (const auto& [buffers, seen] : by_buffers) {
    EXPECT_EQ(seen.adapters.size(), 1U) << buffers;
    reordered |= seen.orders.size() > 1 && buffers.find('+') != std::string::npos;
  }
  EXPECT_TRUE(reordered) << "a buffer with a stale update should be filled in several orders";
}

TEST(BufferedTest, WithTheBufferOfAllSitesItIsFedAvg) {
  Job synchronous, all;
  all.rounds = buffered(3, 4);
  EXPECT_EQ(all.run().adapter_digest, synchronous.run().adapter_digest);
}

TEST(BufferedTest, ACoordinatorThatDiesAnywhereGoesOn) {
  int stale = 0;
  for (std::uint64_t seed = 1; seed <= 60; ++seed) {
    Job job(seed);
    job.rounds = buffered(5, 2, seed % 2 == 0 ? 3 : 0);
    RngStream dice = Rng(seed).stream("crashes");
    int crashes = 0;
    job.transport.before_event = [&, next = job.transport.events()]() mutable {
      if (crashes >= 4 || job.transport.events() < next) return;
      next = job.transport.events() + 10 + static_cast<int>(dice.below(60));
      job.transport.crash_after(next - job.transport.events());
      ++crashes;
    };
    CoordinatorResult result;
    job.run_through_crashes(result);
    EXPECT_TRUE(result.finished);
    const auto rounds = rounds_of(job);
    ASSERT_EQ(rounds.size(), 5U);
    for (const RoundRow& row : rounds) {
      EXPECT_EQ(row.updates.size(), 2U);
      for (const UpdateRow& update : row.updates) stale += update.staleness > 0 ? 1 : 0;
    }
    expect_the_ledger_makes_the_adapters(job);
    ASSERT_FALSE(HasFailure()) << "seed " << seed;
  }
  EXPECT_GT(stale, 20) << "and what was made before a crash is taken after it";
}

TEST(StepsTest, ASlowSiteTakesFewerAndFedNovaWeighsThem) {
  Job job;
  job.rounds = {.count = 3, .deadline = Milliseconds(1000), .min_steps = 2, .local_steps = 20};
  job.aggregation.method = "fednova";
  job.site("film").steps_per_second = 8;
  EXPECT_TRUE(job.run().finished);
  const auto rounds = rounds_of(job);
  std::vector<double> film, others;
  for (const RoundRow& row : rounds)
    for (const UpdateRow& update : row.updates)
      (update.site.name == "film" ? film : others).push_back(update.values.at("steps"));
  EXPECT_THAT(film, ElementsAre(20, 6, 6)) << "8 a second for three quarters of a second";
  EXPECT_THAT(others, testing::Each(20));
  expect_the_ledger_makes_the_adapters(job);
}

TEST(StepsTest, ASiteThatTookOtherStepsThanItWasAskedForIsRefused) {
  Job job;
  job.rounds = {.count = 1, .quorum = 0.5, .min_steps = 2, .local_steps = 20};
  job.aggregation.method = "fednova";
  job.site("film").tamper = [](wire::Message& message) {
    if (auto* offer = std::get_if<wire::Offer>(&message)) offer->values["steps"] = 2;
  };
  EXPECT_TRUE(job.run().finished);
  EXPECT_THAT(job.site("film").verdicts, ElementsAre("1 refused"));
  const auto refused = job.seen.all<telemetry::UpdateRefused>();
  ASSERT_EQ(refused.size(), 1U);
  EXPECT_THAT(refused[0].reason, HasSubstr("steps: got 2, expected 20"));
}

// The inputs of a choice are in the ledger: a run that is resumed asks the same sites.
TEST(CohortTest, AResumedRunAsksTheSameSites) {
  for (const char* name : {"oort", "power_of_choice", "weighted", "poisson"}) {
    const auto cohorts = [&](bool crashes) {
      Job job;
      job.rounds = {.count = 6, .cohort = name, .fraction = 0.5};
      if (crashes)
        job.at_step = [&, rounds = 0](std::string_view step) mutable {
          if (step == "settled" && ++rounds % 2 == 0) throw Crash{};
        };
      CoordinatorResult result;
      EXPECT_EQ(job.run_through_crashes(result) > 0, crashes);
      std::vector<std::vector<SiteId>> asked;
      for (const RoundRow& row : rounds_of(job)) asked.push_back(row.cohort);
      return std::pair(asked, result.adapter_digest);
    };
    const auto unbroken = cohorts(false);
    EXPECT_EQ(unbroken, cohorts(true)) << name;
    EXPECT_GT(std::set(unbroken.first.begin(), unbroken.first.end()).size(), 1U) << name;
  }
}

}  // namespace
}  // namespace weft::coordinator
