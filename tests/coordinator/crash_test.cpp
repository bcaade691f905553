// Whatever dies, whenever: the run ends in the same adapter.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "coordinator/ledger.h"
#include "coordinator/run_folder.h"
#include "tests/coordinator/coordinator_support.h"

namespace weft::coordinator {
namespace {

const std::string& reference_digest() {
  static const std::string digest = [] {
    Job job;
    return job.run().adapter_digest;
  }();
  return digest;
}

// Every update of every round is in the ledger once, and no site trained what it had finished.
void expect_whole(Job& job, const CoordinatorResult& result, const std::string& when) {
  EXPECT_TRUE(result.finished) << when;
  EXPECT_EQ(result.adapter_digest, reference_digest()) << when;
  const std::vector<RoundRow> rounds = rounds_of(job);
  ASSERT_EQ(rounds.size(), 3U) << when;
  for (const RoundRow& round : rounds) EXPECT_EQ(round.updates.size(), 4U) << when;
  for (const auto& site : job.sites) {
    EXPECT_EQ(site->trained, 3) << when << ", " << site->name().name;
    EXPECT_TRUE(site->finished) << when << ", " << site->name().name;
  }
}

// Oracle 25.
TEST(CrashTest, TheCoordinatorMayDieAtAnyStepOfACommit) {
  for (const char* step : {"adapter_written", "ledger_committed", "settled", "result_written"})
    for (int which = 1; which <= 3; ++which) {
      if (which > 1 && step == std::string("result_written")) continue;
      Job job;
      int seen = 0, crashes = 0;
      job.at_step = [&](std::string_view at) {
        if (at == step && ++seen == which) {
          ++crashes;
          throw Crash{};
        }
      };
      CoordinatorResult result;
      job.run_through_crashes(result);
      EXPECT_EQ(crashes, 1);
      expect_whole(job, result, std::string(step) + " " + std::to_string(which));
    }
}

TEST(CrashTest, AVersionIsOnDiskBeforeTheLedgerKnowsItAndSitesAreToldAfterwards) {
  Job job;
  const auto folder = job.folder.path() / "run";
  std::string steps;
  int round = 1;
  job.at_step = [&](std::string_view step) {
    const std::int64_t committed = Database(folder / "ledger.sqlite").integer("SELECT count(*) FROM rounds");
    const bool written = std::filesystem::exists(RunFolder(folder).version(static_cast<std::uint32_t>(round)));
    steps += std::string(step) + (written ? " file " : " none ") + std::to_string(committed) + "\n";
    if (step == "settled") ++round;
  };
  job.rounds.count = 2;
  job.run();
  EXPECT_EQ(steps,
            "adapter_written file 0\nledger_committed file 1\nsettled file 1\n"
            "adapter_written file 1\nledger_committed file 2\nsettled file 2\nresult_written none 2\n");
}

// Oracle 25.
TEST(CrashTest, TheCoordinatorMayDieBetweenAnyTwoMessages) {
  Job whole;
  whole.run();
  const int events = whole.transport.events();
  ASSERT_GT(events, 60);
  for (int at = 0; at < events; ++at) {
    Job job(at + 1);
    job.transport.crash_after(at);
    CoordinatorResult result;
    job.run_through_crashes(result);
    expect_whole(job, result, "message " + std::to_string(at));
    if (HasFailure()) return;
  }
}

TEST(CrashTest, TheCoordinatorMayDieAgainAndAgain) {
  for (std::uint64_t seed = 1; seed <= 5; ++seed) {
    Job job(seed);
    RngStream random = Rng(seed).stream("crashes");
    std::uint64_t calls = 0, next = 20;
    job.transport.before_event = [&] {
      if (++calls < next) return;
      calls = 0;
      next = 15 + random.below(60);
      throw Crash{};
    };
    CoordinatorResult result;
    const int crashes = job.run_through_crashes(result);
    EXPECT_GT(crashes, 2);
    expect_whole(job, result, "seed " + std::to_string(seed));
  }
}

TEST(CrashTest, ASiteMayDieBetweenAnyTwoMessagesAndKeepsWhatItFinished) {
  Job whole;
  whole.run();
  const int events = whole.transport.events();
  for (int at = 1; at < events; ++at) {
    Job job(at);
    SimSite& victim = *job.sites[static_cast<std::size_t>(at) % job.sites.size()];
    bool lost = false;
    job.transport.before_event = [&] {
      if (lost || job.transport.events() < at) return;
      lost = true;
      job.transport.lose(victim);
    };
    const CoordinatorResult result = job.run();
    expect_whole(job, result, "message " + std::to_string(at));
    if (HasFailure()) return;
  }
}

TEST(CrashTest, ABrokenUploadGoesOnWhereItWas) {
  constexpr std::int64_t kInputs = 500'000;  // four chunks
  Job job(1, kInputs);
  job.rounds.count = 1;
  SimSite& film = job.site("film");
  int lost = 0, chunks = 0;
  film.tamper = [&](wire::Message& message) { chunks += std::holds_alternative<wire::Chunk>(message) ? 1 : 0; };
  job.transport.before_event = [&] {
    if (lost > 0 || chunks < 4 || film.outbox.size() > 2) return;  // two of four have left
    ++lost;
    job.transport.lose(film);
  };
  EXPECT_TRUE(job.run().finished);
  EXPECT_EQ(lost, 1);
  EXPECT_EQ(film.trained, 1);
  EXPECT_LE(chunks, 4 + 2) << "only what had not arrived was sent again";
}

}  // namespace
}  // namespace weft::coordinator
