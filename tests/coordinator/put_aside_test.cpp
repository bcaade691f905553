// Norms judged against those of the rounds before, and sites that are refused too often.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>

#include "coordinator/ledger.h"
#include "tests/coordinator/coordinator_support.h"

namespace weft::coordinator {
namespace {

using testing::AllOf;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::SizeIs;

// Every update of film is what the others make, times `factor`, from round `from` on.
void exaggerate(Job& job, float factor, std::uint32_t from) {
  SimSite& film = job.site("film");
  film.spoil = [&film, factor, from](StateDict update) {
    if (film.trained >= static_cast<int>(from))
      for (float& value : update.values) value *= factor;
    return update;
  };
}

TEST(PutAsideTest, ANormFarBeyondThoseOfTheRoundsBeforeIsRefusedInAnyOrder) {
  std::string digest;
  for (std::uint64_t order = 1; order <= 5; ++order) {
    Job job(order);
    job.rounds.quorum = 0.75;
    exaggerate(job, 20, 3);  // eight updates were counted before
    const CoordinatorResult result = job.run();
    ASSERT_THAT(refusals_of(job), SizeIs(1));
    EXPECT_EQ(refusals_of(job)[0].kind, "norm");
    EXPECT_EQ(refusals_of(job)[0].round, 3U);
    EXPECT_THAT(refusals_of(job)[0].reason, HasSubstr("aggregation.max_norm_ratio"));
    EXPECT_THAT(job.seen.all<telemetry::RunFinished>().at(0).refusals, ElementsAre(testing::Pair("norm", 1)));
    if (order > 1) {
      EXPECT_EQ(result.adapter_digest, digest);
    }
    digest = result.adapter_digest;
  }
}

TEST(PutAsideTest, TheMedianOfAResumedRunIsThatOfTheUnbrokenOne) {
  Job unbroken;
  unbroken.rounds = {.count = 5, .quorum = 0.75};
  exaggerate(unbroken, 20, 3);
  const std::string expected = unbroken.run().adapter_digest;
  Job job;
  job.rounds = unbroken.rounds;
  exaggerate(job, 20, 3);
  job.at_step = [&](std::string_view step) {
    if (step == "settled") throw Crash{};
  };
  CoordinatorResult result;
  EXPECT_EQ(job.run_through_crashes(result), 5);
  EXPECT_EQ(result.adapter_digest, expected);
  const auto norms = [](const Job& of) {
    const auto all = refusals_of(of);
    return std::count_if(all.begin(), all.end(), [](const auto& each) { return each.kind == "norm"; });
  };
  EXPECT_EQ(norms(job), 3);
  EXPECT_EQ(norms(unbroken), 3);
}

TEST(PutAsideTest, ASiteRefusedTooOftenIsPutAsideForTheRun) {
  Job job;
  job.rounds = {.count = 5, .quorum = 0.75, .max_refusals = 2};
  SimSite& film = job.site("film");
  film.spoil = [](StateDict update) {
    update.values[0] = std::nanf("");
    return update;
  };
  EXPECT_TRUE(job.run().finished);
  EXPECT_THAT(film.verdicts, ElementsAre("1 refused", "2 refused"));
  EXPECT_THAT(film.refused, AllOf(HasSubstr("put aside"), HasSubstr("rounds.max_refusals")));
  EXPECT_FALSE(film.wants_session) << "it was told for good";
  EXPECT_EQ(film.trained, 2);
  const auto started = job.seen.all<telemetry::RoundStarted>();
  ASSERT_THAT(started, SizeIs(5));
  EXPECT_THAT(started[1].cohort, testing::Contains("film"));
  EXPECT_THAT(started[2].cohort, ElementsAre("editorials", "reviews", "tweets"));
  EXPECT_THAT(job.seen.all<telemetry::RunFinished>().at(0).refusals,
              ElementsAre(testing::Pair("not_finite", 2), testing::Pair("put_aside", 1)));
}

// The run fails for film's update, film is mended, and --resume makes that round anew: over and over.
TEST(PutAsideTest, WhoWasMendedInItsRoundIsNotPutAside) {
  Job job;
  job.rounds = {.count = 4, .quorum = 1, .max_refusals = 1};
  SimSite& film = job.site("film");
  const auto poison = [](StateDict update) {
    update.values[0] = std::nanf("");
    return update;
  };
  CoordinatorResult result;
  for (bool resume = false; !result.finished; resume = true) {
    film.forget_updates();
    film.spoil = poison;
    EXPECT_THROW(job.run(resume), Failure);
    job.transport.lose_sessions();
    film.spoil = {};
    film.forget_updates();
    int commits = 0;
    job.at_step = [&](std::string_view step) {
      if (step == "settled" && ++commits == 2 && !resume) throw Crash{};
    };
    try {
      result = job.run(true);
    } catch (const Crash&) {
      job.transport.lose_sessions();
    }
    job.at_step = {};
  }
  const auto refusals = refusals_of(job);
  EXPECT_THAT(refusals, SizeIs(2));
  for (const auto& refusal : refusals) EXPECT_EQ(refusal.kind, "not_finite");
  for (const RoundRow& row : rounds_of(job)) EXPECT_THAT(row.updates, SizeIs(4));
}

TEST(PutAsideTest, WhoWasPutAsideIsRefusedByAResumedRun) {
  Job job;
  job.rounds = {.count = 5, .quorum = 0.75, .max_refusals = 2};
  SimSite& film = job.site("film");
  film.spoil = [](StateDict update) {
    update.values[0] = std::nanf("");
    return update;
  };
  int commits = 0;
  job.at_step = [&](std::string_view step) {
    if (step == "settled" && ++commits == 3) throw Crash{};
  };
  EXPECT_THROW(job.run(), Crash);
  job.transport.lose_sessions();
  film.spoil = {};
  film.refused.clear();
  film.wants_session = true;  // its operator began it again
  EXPECT_TRUE(job.run(true).finished);
  EXPECT_THAT(film.refused, HasSubstr("put aside"));
  EXPECT_EQ(film.trained, 2);
}

}  // namespace
}  // namespace weft::coordinator
