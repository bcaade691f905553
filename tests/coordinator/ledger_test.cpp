#include "coordinator/ledger.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <csignal>
#include <fstream>

#include "tests/coordinator/coordinator_support.h"

namespace weft::coordinator {
namespace {

using testing::HasSubstr;

const RunFacts kFacts{.run = "sentiment",
                      .run_id = std::string(32, 'a'),
                      .config_digest = "config-1",
                      .seed = 18446744073709551615ULL,
                      .base_digest = "base-1",
                      .manifest_digest = "manifest-1",
                      .initial_digest = "initial-1"};

RoundRow round_row(std::uint32_t round) {
  return {.round = round,
          .cohort = {{"film"}, {"tweets"}},
          .loss = 0.5,
          .seconds = 1.25,
          .bytes_up = 1000,
          .bytes_down = 2000,
          .adapter_digest = "adapter-" + std::to_string(round),
          .time = "2025-01-31T12:00:00Z",
          .updates = {{{"film"}, "update-f", 30, {{"loss", 0.5}, {"steps", 7}}, 0.1},
                      {{"tweets"}, "update-t", 70, {}, 2.5}}};
}

std::vector<fl::SiteScore> scores_of(std::uint32_t version) {
  return {{{"film"}, version, "validation", 10, {{{"confusion", {0.1, 4, 2, 3.9}}, {"loss", {1.0 / 3, 10}}}}}};
}

std::string message_of(const std::function<void()>& work) {
  try {
    work();
  } catch (const std::exception& error) {
    return error.what();
  }
  return "nothing was thrown";
}

TEST(LedgerTest, KnowsWhatWasCountedLate) {
  const TempFolder folder;
  Ledger ledger(folder.path() / "ledger.sqlite");
  ledger.begin(kFacts);
  for (std::uint32_t round = 1; round < 5; ++round) {
    RoundRow nobody = round_row(round);
    nobody.updates.clear();
    ledger.commit(nobody, {});
  }
  RoundRow row = round_row(5);
  row.updates[0].staleness = 2;
  row.updates[0].values["staleness"] = 9;  // as a site may say
  ledger.commit(row, {});
  const UpdateRow film = rounds_of(ledger).at(4).updates.at(0);
  EXPECT_EQ(film.staleness, 2U);
  EXPECT_EQ(film.values, round_row(5).updates[0].values);
  EXPECT_TRUE(ledger.committed({"film"}, 3, "update-f")) << "the update that round 3 asked for";
  EXPECT_FALSE(ledger.committed({"film"}, 5, "update-f")) << "not that of round 5, though it be the same";
  EXPECT_TRUE(ledger.committed({"tweets"}, 5, "update-t"));
  EXPECT_EQ(ledger.last_update({"film"}), std::pair(3U, std::string("update-f")));
  const fl::History history = ledger.history("loss");
  EXPECT_EQ(history.committed, 5U);
  const fl::SitePast& past = history.past.of({"film"});
  EXPECT_EQ(past.last_round, 5U);
  EXPECT_EQ(past.misses, 0U) << "rounds 1 to 4 asked it in vain, then it was counted";
  EXPECT_EQ(past.versions, std::set{2U}) << "version 4, of two versions before";
  EXPECT_EQ(past.last.site, SiteId{"film"});
  EXPECT_EQ(past.last.staleness, 2U);
  EXPECT_EQ(past.last.examples, 30U);
  EXPECT_EQ(past.last.loss, 0.5);
  EXPECT_EQ(past.last.steps, 7);
  EXPECT_EQ(past.last.seconds, 0) << "it did not say";
}

TEST(LedgerTest, ReadsBackWhatWasCommitted) {
  const TempFolder folder;
  {
    Ledger ledger(folder.path() / "ledger.sqlite");
    EXPECT_FALSE(ledger.run());
    ledger.begin(kFacts);
    ledger.commit(round_row(1), scores_of(0));
    ledger.refuse({"2025-01-31T12:00:01Z", 1, {"film"}, "norm", "norm: got 9"});
    ledger.refuse({"2025-01-31T12:00:09Z", 1, {"film"}, "norm", "norm: got 9"});
    ledger.refuse({"2025-01-31T12:00:09Z", 0, {"tweets"}, "examples", "train examples: got 9"});
    ledger.finish({.best_version = 1, .reason = "all rounds are done"},
                  {{{"film"}, 1, "test", 5, {{{"loss", {2, 5}}}}}});
  }
  const Ledger ledger(folder.path() / "ledger.sqlite");
  EXPECT_EQ(ledger.run()->run, "sentiment");
  EXPECT_EQ(ledger.run()->seed, kFacts.seed);
  EXPECT_EQ(ledger.run()->run_id, kFacts.run_id);
  const std::vector<RoundRow> rounds = rounds_of(ledger);
  ASSERT_EQ(rounds.size(), 1U);
  EXPECT_EQ(rounds[0].cohort, round_row(1).cohort);
  EXPECT_EQ(rounds[0].seconds, 1.25);
  EXPECT_EQ(rounds[0].bytes_up, 1000U);
  EXPECT_EQ(rounds[0].bytes_down, 2000U);
  ASSERT_EQ(rounds[0].updates.size(), 2U);
  EXPECT_EQ(rounds[0].updates[0].values, round_row(1).updates[0].values);
  EXPECT_EQ(rounds[0].updates[1].examples, 70U);
  EXPECT_TRUE(ledger.committed({"film"}, 1, "update-f"));
  EXPECT_FALSE(ledger.committed({"film"}, 1, "update-t"));
  EXPECT_FALSE(ledger.committed({"film"}, 2, "update-f"));
  EXPECT_EQ(ledger.adapter_digest(0), "initial-1");
  EXPECT_EQ(ledger.adapter_digest(1), "adapter-1");
  EXPECT_EQ(ledger.committed(), 1U);
  ASSERT_EQ(ledger.scores(0).size(), 1U);
  EXPECT_EQ(ledger.scores(0)[0].tally, scores_of(0)[0].tally) << "to the last bit";
  ASSERT_EQ(ledger.scores(1).size(), 1U);
  EXPECT_EQ(ledger.scores(1)[0].split, "test");
  EXPECT_EQ(ledger.norms(9), (std::vector<double>{2.5, 0.1})) << "to the last bit";
  EXPECT_EQ(ledger.norms(1), std::vector<double>{2.5});
  EXPECT_EQ(ledger.refusals().size(), 2U) << "the same refusal is kept once";
  EXPECT_EQ(ledger.refusals_by_kind(), (std::map<std::string, std::uint64_t>{{"norm", 1}, {"examples", 1}}));
  EXPECT_EQ(ledger.refusals(1).size(), 1U);
  const fl::History history = ledger.history("loss");
  ASSERT_EQ(history.refused.size(), 1U) << "a site that claims too many is of no round";
  EXPECT_EQ(history.refused[0].update.site.name, "film");
  EXPECT_EQ(history.refused[0].update.round, 1U);
  EXPECT_EQ(history.refused[0].seen_in, 2U) << "round 1 was committed";
  ASSERT_EQ(history.validation.size(), 1U);
  EXPECT_EQ(history.validation.at(0).value, fl::validation_values(scores_of(0), "loss").at(0).value);
  EXPECT_EQ(ledger.end()->best_version, 1U);
  EXPECT_FALSE(ledger.sites_told());
}

TEST(LedgerTest, ACommitIsDurableWhenTheProcessIsKilled) {
  const TempFolder folder;
  const auto file = folder.path() / "ledger.sqlite";
  const pid_t child = ::fork();
  if (child == 0) {
    Ledger ledger(file);
    ledger.begin(kFacts);
    ledger.commit(round_row(1), scores_of(0));
    ::kill(::getpid(), SIGKILL);
  }
  int status = 0;
  ::waitpid(child, &status, 0);
  ASSERT_TRUE(WIFSIGNALED(status));
  const Ledger ledger(file);
  EXPECT_EQ(ledger.committed(), 1U);
  EXPECT_TRUE(ledger.committed({"tweets"}, 1, "update-t"));
}

TEST(LedgerTest, ARoundIsCommittedWholeOrNotAtAll) {
  const TempFolder folder;
  Ledger ledger(folder.path() / "ledger.sqlite");
  ledger.begin(kFacts);
  RoundRow row = round_row(1);
  row.updates.push_back(row.updates[0]);  // violates the key, after the round and two updates are written
  EXPECT_THROW(ledger.commit(row, {}), Failure);
  EXPECT_EQ(ledger.committed(), 0U);
  EXPECT_FALSE(ledger.committed({"film"}, 1, "update-f"));
  ledger.commit(round_row(1), {});
  EXPECT_THROW(ledger.commit(round_row(1), {}), Failure) << "a round is committed once";
}

TEST(LedgerTest, AFullDiskLosesNothing) {
  const TempFolder folder;
  const auto file = folder.path() / "ledger.sqlite";
  const pid_t child = ::fork();
  if (child == 0) {
    Ledger ledger(file);
    ledger.begin(kFacts);
    ledger.commit(round_row(1), scores_of(0));
    ::signal(SIGXFSZ, SIG_IGN);
    const rlimit limit{1 << 16, 1 << 16};  // no file may grow beyond this
    ::setrlimit(RLIMIT_FSIZE, &limit);
    RoundRow large = round_row(2);
    large.updates[0].digest = std::string(1 << 20, 'x');
    const std::string message = message_of([&] { ledger.commit(large, {}); });
    ::_exit(message.find("ledger.sqlite") != std::string::npos && ledger.committed() == 1 ? 0 : 1);
  }
  int status = 0;
  ::waitpid(child, &status, 0);
  EXPECT_TRUE(WIFEXITED(status) && WEXITSTATUS(status) == 0);
  const Ledger ledger(file);
  EXPECT_EQ(ledger.committed(), 1U);
}

TEST(LedgerTest, NamesAFileThatIsNoLedger) {
  const TempFolder folder;
  std::ofstream(folder.path() / "text.sqlite") << std::string(5000, 'x');
  EXPECT_THAT(message_of([&] { Ledger{folder.path() / "text.sqlite"}; }), HasSubstr("is not a ledger"));
  EXPECT_THROW(Ledger{folder.path() / "text.sqlite"}, ConfigError);
  Database(folder.path() / "other.sqlite").execute("CREATE TABLE songs (name TEXT)");
  EXPECT_THROW(Ledger{folder.path() / "other.sqlite"}, ConfigError);
}

TEST(LedgerTest, NamesAnotherSchema) {
  const TempFolder folder;
  const auto file = folder.path() / "ledger.sqlite";
  { const Ledger ledger(file); }
  Database(file).execute("PRAGMA user_version = 7");
  EXPECT_THAT(message_of([&] { Ledger{file}; }), HasSubstr("schema 7, this weft reads schema 5"));
  EXPECT_THROW(Ledger{file}, ConfigError);
}

TEST(LedgerTest, NamesATornFile) {
  const TempFolder folder;
  const auto file = folder.path() / "ledger.sqlite";
  {
    Ledger ledger(file);
    ledger.begin(kFacts);
    for (std::uint32_t round = 1; round <= 200; ++round) ledger.commit(round_row(round), scores_of(round - 1));
  }
  std::filesystem::resize_file(file, std::filesystem::file_size(file) / 2);
  const std::string message = message_of([&] { Ledger{file}; });
  EXPECT_THAT(message, HasSubstr("damaged"));
  EXPECT_THAT(message, HasSubstr("backup"));
}

TEST(LedgerTest, NamesACellThatIsNotAsItWasWritten) {
  for (const char* change :
       {"UPDATE rounds SET cohort = '[1]'", "UPDATE rounds SET cohort = '[[\"a\"'", "UPDATE updates SET metrics = '7'",
        "UPDATE updates SET metrics = '{\"staleness\": 1e300}'", "UPDATE updates SET metrics = '{\"staleness\": -1}'",
        "UPDATE scores SET tally = '{\"loss\": \"low\"}'"}) {
    const TempFolder folder;
    const auto file = folder.path() / "ledger.sqlite";
    {
      Ledger ledger(file);
      ledger.begin(kFacts);
      ledger.commit(round_row(1), scores_of(0));
      ledger.database().execute(change);
    }
    const std::string message = message_of([&] { Ledger::open_to_read(file).history("loss"); });
    EXPECT_THAT(message, HasSubstr(file.string())) << change;
    EXPECT_THAT(message, HasSubstr("damaged")) << change;
  }
}

TEST(LedgerTest, NamesAnotherRunAndTheRemedy) {
  const TempFolder folder;
  Ledger ledger(folder.path() / "ledger.sqlite");
  ledger.begin(kFacts);
  EXPECT_NO_THROW(ledger.check_same_run(kFacts));
  RunFacts other = kFacts;
  other.config_digest = "config-2";
  EXPECT_THROW(ledger.check_same_run(other), ConfigError);
  const std::string message = message_of([&] { ledger.check_same_run(other); });
  EXPECT_THAT(message, HasSubstr("config-1"));
  EXPECT_THAT(message, HasSubstr("config-2"));
  EXPECT_THAT(message, HasSubstr("choose another folder"));
  other = kFacts;
  other.base_digest = "base-2";
  EXPECT_THAT(message_of([&] { ledger.check_same_run(other); }), HasSubstr("base-2"));
}

TEST(LedgerTest, OneProcessHoldsIt) {
  const TempFolder folder;
  const auto file = folder.path() / "ledger.sqlite";
  {
    const Ledger ledger(file);
    const pid_t child = ::fork();
    if (child == 0) {
      const std::string message = message_of([&] { Ledger{file}; });
      ::_exit(message.find("in use by another coordinator") != std::string::npos ? 0 : 1);
    }
    int status = 0;
    ::waitpid(child, &status, 0);
    EXPECT_TRUE(WIFEXITED(status) && WEXITSTATUS(status) == 0);
    Database reader(file);  // people may look at it meanwhile
    EXPECT_EQ(reader.integer("SELECT count(*) FROM rounds"), 0);
  }
  EXPECT_NO_THROW(Ledger{file});
}

}  // namespace
}  // namespace weft::coordinator
