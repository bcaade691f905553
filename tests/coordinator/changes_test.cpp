// What an operator changes while a run goes on, and what is asked of the disk before it begins.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "coordinator/ledger.h"
#include "coordinator/run_store.h"
#include "coordinator/uploads.h"
#include "tests/base/small_disk.h"
#include "tests/coordinator/coordinator_support.h"

namespace weft::coordinator {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::SizeIs;

// Runs with `change` made once, as soon as round `round` has begun, and all that want to have joined.
CoordinatorResult run_with(Job& job, std::uint32_t round, const std::function<void(Coordinator&)>& change) {
  Coordinator coordinator(job.options(), job.transport, job.clock, job.seen);
  bool made = false;
  return coordinator.run({}, [&] {
    const auto wanted =
        std::count_if(job.sites.begin(), job.sites.end(), [](auto& site) { return site->wants_session; });
    if (made || job.seen.all<telemetry::RoundStarted>().size() < round ||
        job.seen.all<telemetry::SiteJoined>().size() < static_cast<std::size_t>(wanted))
      return;
    made = true;
    change(coordinator);
  });
}

TEST(ChangesTest, ASiteThatLeavesTheListIsOfTheOpenRoundAndNotOfTheNext) {
  Job job;
  std::vector<SiteId> others = job.listed;
  std::erase(others, SiteId{"film"});
  EXPECT_TRUE(run_with(job, 1, [&](Coordinator& it) { it.change_sites(others); }).finished);
  const auto started = job.seen.all<telemetry::RoundStarted>();
  ASSERT_THAT(started, SizeIs(3));
  EXPECT_THAT(started[0].cohort, SizeIs(4));
  EXPECT_THAT(started[1].cohort, SizeIs(3));
  EXPECT_THAT(started[1].cohort, testing::Not(testing::Contains("film")));
  EXPECT_THAT(job.site("film").verdicts, ElementsAre("1 committed"));
  EXPECT_THAT(job.site("film").refused, HasSubstr("not listed in the run file"));
  EXPECT_FALSE(job.site("film").finished);
}

TEST(ChangesTest, ANewSiteTakesPartFromTheNextRoundOn) {
  Job job;
  const std::vector<SiteId> all = job.listed;
  std::erase(job.listed, SiteId{"film"});
  job.site("film").wants_session = false;
  const CoordinatorResult result = run_with(job, 1, [&](Coordinator& it) {
    it.change_sites(all);
    job.site("film").wants_session = true;
  });
  EXPECT_TRUE(result.finished);
  EXPECT_THAT(job.site("film").verdicts, ElementsAre("2 committed", "3 committed"));
  Job without;
  std::erase(without.listed, SiteId{"film"});
  without.site("film").wants_session = false;
  EXPECT_NE(result.adapter_digest, without.run().adapter_digest);
}

// Three of four have to come; one declines and is taken off the list while another one fetches the adapter.
TEST(ChangesTest, WhoFetchesWhenTheRoundIsOpenedAnewGoesOn) {
  Job job(1, 700'000);  // more than a window
  job.rounds = {.count = 2, .quorum = 1};
  job.site("film").trains = false;
  std::vector<SiteId> others = job.listed;
  std::erase(others, SiteId{"film"});
  Coordinator coordinator(job.options(), job.transport, job.clock, job.seen);
  bool made = false;
  int told = 0, events = 0;
  const CoordinatorResult result = coordinator.run({}, [&] {
    if (++events > 100'000) throw Failure("somebody waits for ever");
    if (made || job.transport.traffic().sent < 6U << 20 || ++told < 3) return;
    made = true;
    job.site("film").say(wire::Decline{.reason = "no"});
    job.site("film").wants_session = false;
    coordinator.change_sites(others);
  });
  EXPECT_TRUE(made);
  EXPECT_TRUE(result.finished);
  EXPECT_THAT(job.seen.all<telemetry::RoundStarted>(), SizeIs(3)) << "the first one was opened anew";
}

// After the last round nothing is trained any more; who is not listed has no part in the scores either, and may not
// fetch what is gone.
TEST(ChangesTest, WhoLeavesTheListInTheLastRoundIsToldSo) {
  Job job;
  std::vector<SiteId> others = job.listed;
  std::erase(others, SiteId{"film"});
  EXPECT_TRUE(run_with(job, 3, [&](Coordinator& it) { it.change_sites(others); }).finished);
  EXPECT_THAT(job.site("film").refused, HasSubstr("not listed in the run file"));
  EXPECT_THAT(job.site("film").verdicts, ElementsAre("1 committed", "2 committed", "3 committed"));
  EXPECT_FALSE(job.site("film").finished);
}

TEST(ChangesTest, AListThatTheSumsCannotHoldIsRefusedAtOnce) {
  Job job;
  job.aggregation.max_examples = 1'000'000'000;
  const CoordinatorResult result = run_with(job, 1, [&](Coordinator& it) {
    std::vector<SiteId> many;
    for (int i = 0; i < 100; ++i) many.push_back({"site-" + std::to_string(i)});
    try {
      it.change_sites(many);
      ADD_FAILURE() << "the sums cannot hold them";
    } catch (const ConfigError& error) {
      EXPECT_THAT(error.what(), HasSubstr("100 sites"));
    }
  });
  EXPECT_TRUE(result.finished) << "with the sites as they were";
}

TEST(ChangesTest, ASiteThatIsShutOutIsNotWaitedFor) {
  Job job;
  job.rounds.quorum = 0.75;
  job.site("film").trains = false;
  const CoordinatorResult result = run_with(job, 1, [&](Coordinator& it) {
    job.site("film").wants_session = false;
    job.transport.lose(job.site("film"));
    it.shut_out({"film"});
  });
  EXPECT_TRUE(result.finished);
  for (const auto& committed : job.seen.all<telemetry::RoundCommitted>())
    EXPECT_LT(committed.seconds, std::chrono::duration<double>(job.rounds.deadline).count());
  const auto refusals = Ledger(job.folder.path() / "run" / "ledger.sqlite").refusals();
  ASSERT_THAT(refusals, testing::Not(testing::IsEmpty()));
  EXPECT_EQ(refusals[0].site.name, "film");
  EXPECT_THAT(refusals[0].reason, HasSubstr("revoked"));
}

TEST(ChangesTest, WhatARevokedSiteSentIntoTheOpenRoundDoesNotCount) {
  Job job;
  job.rounds.quorum = 0.75;
  job.site("tweets").slow = true;  // so the round is open when the others' updates are in
  bool made = false;
  {
    Coordinator coordinator(job.options(), job.transport, job.clock, job.seen);
    const CoordinatorResult result = coordinator.run({}, [&] {
      if (made || job.seen.all<telemetry::UpdateAccepted>().size() < 3) return;
      made = true;
      job.site("film").wants_session = false;
      job.transport.lose(job.site("film"));
      coordinator.shut_out({"film"});
      job.site("tweets").be_quick();
    });
    EXPECT_TRUE(result.finished);
  }
  const auto rounds = rounds_of(job);
  ASSERT_THAT(rounds, SizeIs(3));
  for (const RoundRow& row : rounds) {
    EXPECT_THAT(row.updates, SizeIs(3));
    for (const UpdateRow& update : row.updates) EXPECT_NE(update.site.name, "film");
  }
  EXPECT_THAT(job.site("reviews").verdicts, ElementsAre("1 committed", "2 committed", "3 committed"));
  EXPECT_EQ(job.site("reviews").trained, 3) << "what it had sent was sent again, not made again";
  expect_the_ledger_makes_the_adapters(job);
}

TEST(ChangesTest, ADiskWithoutRoomIsRefusedBeforeTheRunBegins) {
  Job job;
  SmallDisk small(1 << 19);
  CoordinatorOptions options = job.options();
  options.disk = &small;
  try {
    const Coordinator coordinator(std::move(options), job.transport, job.clock, job.seen);
    ADD_FAILURE() << "half a mebibyte was enough";
  } catch (const Failure& failure) {
    EXPECT_THAT(failure.what(), HasSubstr("512 KiB free"));
    EXPECT_THAT(failure.what(), HasSubstr("2 versions of an adapter"));
  }
  EXPECT_TRUE(job.run().finished) << "nothing is left that would hinder it";
}

TEST(ChangesTest, RoomIsNeededForTheUpdatesThatWaitOnTheDisk) {
  constexpr std::uint64_t kAdapter = 100 << 20;
  const auto adapters = [](std::size_t sites, const char* method, bool resume, std::uint32_t max_staleness = 0,
                           bool changes_base = false) {
    const RunSize size{.adapter_bytes = kAdapter, .sites = sites, .changes_base = changes_base, .resume = resume};
    return disk_need("run", size, {.max_staleness = max_staleness}, {.method = method}).bytes / kAdapter;
  };
  EXPECT_EQ(adapters(1, "fedavg", false), 4U) << "two versions, the result and an update";
  EXPECT_EQ(adapters(1000, "fedavg", false), 3U + upload_places(kTransferBytes, kAdapter));
  EXPECT_EQ(adapters(1000, "fedavg", true), 2U + upload_places(kTransferBytes, kAdapter));
  EXPECT_EQ(adapters(1000, "median", false), 1003U);
  EXPECT_EQ(adapters(1, "fedavg", false, 5), 5U) << "a site is at work on one version";
  EXPECT_EQ(adapters(1, "fedavg", false, 0, true), 5U) << "its start, by which the result becomes plain LoRA";
}

}  // namespace
}  // namespace weft::coordinator
