// Whole runs of the coordinator with sites that behave.
#include "coordinator/coordinator.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <fstream>
#include <nlohmann/json.hpp>

#include "common/base/file.h"
#include "common/checkpoint/peft_folder.h"
#include "coordinator/ledger.h"
#include "tests/coordinator/coordinator_support.h"

namespace weft::coordinator {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::SizeIs;

nlohmann::json summary_of(const Job& job) {
  return nlohmann::json::parse(read_text(job.folder.path() / "run" / "summary.json").value());
}

std::vector<std::string> files_in(const std::filesystem::path& folder) {
  std::vector<std::string> names;
  for (const auto& entry : std::filesystem::directory_iterator(folder)) names.push_back(entry.path().filename());
  std::sort(names.begin(), names.end());
  return names;
}

const std::string& reference_digest() {
  static const std::string digest = [] {
    Job job;
    return job.run().adapter_digest;
  }();
  return digest;
}

TEST(CoordinatorTest, RunsToTheEndAndLeavesTheResult) {
  Job job;
  const CoordinatorResult result = job.run();
  EXPECT_TRUE(result.finished);
  EXPECT_EQ(result.best_version, 3U);
  EXPECT_EQ(result.reason, "all rounds are done");
  for (const auto& site : job.sites) {
    EXPECT_THAT(site->verdicts, ElementsAre("1 committed", "2 committed", "3 committed"));
    ASSERT_TRUE(site->finished) << site->name().name;
    EXPECT_EQ(site->finished->version, 3U);
  }
  const auto adapter = checkpoint::read_peft_folder(job.folder.path() / "run" / "adapter");
  ASSERT_TRUE(adapter) << adapter.error().message;
  EXPECT_EQ(adapter.value().state.digest(), result.adapter_digest);
  EXPECT_EQ(adapter.value().facts->run, "sentiment");
  EXPECT_EQ(adapter.value().facts->version, 3U);
  const auto summary = summary_of(job);
  EXPECT_EQ(summary["adapter_sha256"], result.adapter_digest);
  EXPECT_THAT(summary["rounds"], SizeIs(3));
  EXPECT_EQ(summary["rounds"][0]["loss"], 1.0);
  EXPECT_DOUBLE_EQ(summary["rounds"][1]["validation"]["overall"]["accuracy"], 593.0 / 1140);
  EXPECT_DOUBLE_EQ(summary["rounds"][2]["validation"]["overall"]["accuracy"], 604.0 / 1140)
      << "scored after the last round";
  EXPECT_DOUBLE_EQ(summary["final"]["overall"]["accuracy"], 62.0 / 114)
      << "2 of 3, 11 of 20, 20 of 37 and 29 of 54 are right";
  EXPECT_EQ(summary["final"]["overall"]["loss"], 1);
  EXPECT_EQ(summary["metric"]["name"], "accuracy");
  EXPECT_GT(summary["rounds"][1]["bytes_up"], 4 * 4 * 22);
  EXPECT_GT(summary["peak_rss_bytes"]["coordinator"], 1 << 20);
  EXPECT_EQ(summary["peak_rss_bytes"]["film"], 1000000);
  EXPECT_EQ(files_in(job.folder.path() / "run" / "versions"), std::vector<std::string>{"0003.safetensors"})
      << "older ones can be of no use";
}

TEST(CoordinatorTest, EachRoundAppliesTheMeanWeightedByExamples) {
  Job job;
  job.rounds.count = 2;
  job.run();
  StateDict expected = job.initial;
  for (std::uint32_t round = 1; round <= 2; ++round) {
    std::vector<double> sums(expected.values.size());
    double examples = 0, each = 3;
    for (const SiteId& site : job.listed) {
      const StateDict update = sim_update(site, round, expected);
      for (std::size_t i = 0; i < sums.size(); ++i) sums[i] += each * update.values[i];
      examples += each;
      each += 17;
    }
    for (std::size_t i = 0; i < sums.size(); ++i) expected.values[i] += static_cast<float>(sums[i] / examples);
  }
  const auto adapter = checkpoint::read_peft_folder(job.folder.path() / "run" / "adapter").value();
  for (std::size_t i = 0; i < expected.values.size(); ++i)
    EXPECT_NEAR(adapter.state.values[i], expected.values[i], 1e-6);
}

TEST(CoordinatorTest, SaysWhatHappens) {
  Job job;
  const CoordinatorResult result = job.run();
  EXPECT_THAT(job.seen.all<telemetry::SiteJoined>(), SizeIs(4));
  EXPECT_THAT(job.seen.all<telemetry::RoundStarted>(), SizeIs(3));
  EXPECT_THAT(job.seen.all<telemetry::UpdateAccepted>(), SizeIs(12));
  const auto committed = job.seen.all<telemetry::RoundCommitted>();
  ASSERT_THAT(committed, SizeIs(3));
  EXPECT_THAT(committed[1].counted, ElementsAre("editorials", "film", "reviews", "tweets"));
  EXPECT_DOUBLE_EQ(committed[1].loss, 0.5);
  EXPECT_EQ(committed[2].adapter_digest, result.adapter_digest);
  EXPECT_GT(committed[1].bytes_up, 0U);
  EXPECT_GT(committed[1].bytes_down, 0U);
  EXPECT_THAT(job.seen.all<telemetry::RunFinished>(), SizeIs(1));
  const auto waits = job.seen.all<telemetry::Waiting>();
  ASSERT_FALSE(waits.empty());
  EXPECT_EQ(waits[0].what, "sites to join");
  EXPECT_THAT(waits[0].sites, SizeIs(4));
  EXPECT_FALSE(waits[0].seconds_left);
}

TEST(CoordinatorTest, TheOrderOfArrivalChangesNoBit) {
  for (std::uint64_t order = 2; order < 22; ++order) {
    Job job(order);
    EXPECT_EQ(job.run().adapter_digest, reference_digest()) << "order " << order;
  }
}

TEST(CoordinatorTest, UpdatesInManyChunksArriveWhole) {
  constexpr std::int64_t kInputs = 700'000;  // 5.6 MB: more than a window
  std::optional<std::string> digest;
  for (std::uint64_t order : {1, 2}) {
    Job job(order, kInputs);
    job.rounds.count = 1;
    const CoordinatorResult result = job.run();
    EXPECT_TRUE(result.finished);
    EXPECT_THAT(job.seen.all<telemetry::UpdateAccepted>(), SizeIs(4));
    EXPECT_EQ(digest.value_or(result.adapter_digest), result.adapter_digest);
    digest = result.adapter_digest;
  }
}

// The best version is the one that is kept, whatever came after it.
TEST(CoordinatorTest, TheBestVersionIsTheResult) {
  Job job;
  job.rounds = {.count = 9, .patience = 2};
  for (auto& site : job.sites) site->accuracy_step = -0.01;
  const CoordinatorResult result = job.run();
  EXPECT_EQ(result.best_version, 0U);
  EXPECT_EQ(result.adapter_digest, job.initial.digest());
  EXPECT_THAT(result.reason, HasSubstr("no better validation accuracy for 2 rounds"));
  EXPECT_EQ(checkpoint::read_peft_folder(job.folder.path() / "run" / "adapter").value().state.values,
            job.initial.values);
  EXPECT_THAT(files_in(job.folder.path() / "run" / "versions"), SizeIs(2)) << "the best and the newest";
}

TEST(CoordinatorTest, ARoundThatMissesASiteGoesOnAtItsDeadlineWithAQuorum) {
  Job job;
  job.rounds.quorum = 0.75;
  job.rounds.deadline = Milliseconds(60'000);
  job.site("film").trains = false;
  const CoordinatorResult result = job.run();
  EXPECT_TRUE(result.finished);
  for (const auto& committed : job.seen.all<telemetry::RoundCommitted>()) {
    EXPECT_THAT(committed.counted, ElementsAre("editorials", "reviews", "tweets"));
    EXPECT_GE(committed.seconds, 59.9);
  }
  bool named = false;
  for (const auto& waiting : job.seen.all<telemetry::Waiting>())
    named |= waiting.what == "an update" && waiting.sites == std::vector<std::string>{"film"} &&
             waiting.seconds_left.value_or(1e9) <= 60;
  EXPECT_TRUE(named) << "who is waited for, and until when";
  EXPECT_GT(job.site("film").pings, 0) << "a quiet session is kept alive";
}

TEST(CoordinatorTest, TheStopTokenEndsItAndNothingIsLost) {
  Job job;
  std::stop_source stop;
  job.transport.before_event = [&] {
    if (job.transport.events() == 40) stop.request_stop();
  };
  const CoordinatorResult stopped = job.run(false, stop.get_token());
  EXPECT_FALSE(stopped.finished);
  EXPECT_LT(job.seen.all<telemetry::RoundCommitted>().size(), 3U);
  job.transport.lose_sessions();
  EXPECT_EQ(job.run(true).adapter_digest, reference_digest());
}

TEST(CoordinatorTest, ARunThatHasLostItsLedgerIsNotBegunAnew) {
  Job job;
  job.run();
  for (const char* name : {"ledger.sqlite", "adapter", "summary.json"})
    std::filesystem::remove_all(job.folder.path() / "run" / name);
  const auto ledger = job.folder.path() / "run" / "ledger.sqlite";
  for (const bool empty : {false, true}) {
    if (empty) std::ofstream(ledger).flush();
    try {
      job.run(true);
      ADD_FAILURE() << "it began anew";
    } catch (const ConfigError& error) {
      EXPECT_THAT(error.what(), HasSubstr("has versions/0003.safetensors but no ledger.sqlite"));
    }
  }
}

TEST(CoordinatorTest, AFolderThatHoldsARunIsNotOverwritten) {
  Job job;
  job.run();
  const auto message = [&](bool resume, const std::function<void(CoordinatorOptions&)>& change) -> std::string {
    CoordinatorOptions options = job.options(resume);
    change(options);
    try {
      Coordinator(std::move(options), job.transport, job.clock, job.seen);
    } catch (const ConfigError& error) {
      return error.what();
    }
    return "no ConfigError";
  };
  EXPECT_THAT(message(false, [](auto&) {}), HasSubstr("--resume"));
  EXPECT_THAT(message(true, [](auto& options) { options.config_digest = "f00d"; }), HasSubstr("f00d"));
  EXPECT_THAT(message(true, [&](auto& options) { options.folder = job.folder.path() / "empty"; }),
              HasSubstr("no ConfigError"))
      << "a supervisor starts it so, whatever happened before";
  EXPECT_THAT(message(false,
                      [&](auto& options) {
                        options.folder = job.folder.path() / "other";
                        make_folder(options.folder / "adapter");
                      }),
              HasSubstr("choose another folder"));
  EXPECT_EQ(summary_of(job)["adapter_sha256"], reference_digest());
}

TEST(CoordinatorTest, AFinishedRunResumesToTheSameResultAtOnce) {
  Job job;
  const CoordinatorResult first = job.run();
  const CoordinatorResult again = job.run(true);
  EXPECT_TRUE(again.finished);
  EXPECT_EQ(again.adapter_digest, first.adapter_digest);
  EXPECT_EQ(again.reason, first.reason);
}

TEST(CoordinatorTest, ATornVersionIsNamedAndNothingGoesOn) {
  Job job;
  job.at_step = [](std::string_view step) {
    if (step == "settled") throw Crash{};
  };
  EXPECT_THROW(job.run(), Crash);
  job.transport.lose_sessions();
  std::filesystem::resize_file(job.folder.path() / "run" / "versions" / "0001.safetensors", 100);
  try {
    job.run(true);
    FAIL();
  } catch (const Failure& error) {
    EXPECT_THAT(error.what(), HasSubstr("0001.safetensors"));
  }
}

}  // namespace
}  // namespace weft::coordinator
