// Runs in which everything comes in any order: sites that come and go, late, double and refused updates, deadlines, and
// coordinators that die and are made again from what was durable.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <map>
#include <optional>
#include <set>

#include "common/fl/round.h"
#include "common/fl/sampling.h"
#include "tests/fl/round_support.h"

namespace weft::fl {
namespace {

// What a site says depends on what it is asked alone, never on when.
double accuracy_of(std::uint32_t version) { return Rng(5).stream("accuracy", version).uniform(); }
double accuracy_at(const SiteId& site, std::uint32_t version) {
  return Rng(6).stream("accuracy", site.name, version).uniform();
}
bool is_refused(const SiteId& site, std::uint32_t round) {
  return Rng(7).stream("refused", site.name, round).below(8) == 0;
}

struct Weather {
  bool deadlines = false;  // the clock may reach them
  bool crashes = false;    // of the coordinator
};

// The coordinator and its sites in one. `decisions`: every BeginRound, CommitRound and FinishRun, once.
class Fleet {
 public:
  Fleet(const RoundsConfig& config, const std::string& letters, Weather weather, std::uint64_t seed)
      : config_(config), sites_(sites_named(letters)), weather_(weather), dice_(Rng(seed).stream("dice")) {
    restart();
  }

  void run() {
    for (int i = 0; i < 400 && !finished_; ++i) step();
    // Then the weather is fair: whoever delivers all that is asked of it must see the end.
    for (int i = 0; i < 400 && !finished_; ++i) {
      for (const SiteId& site : sites_) {
        ready(site);
        deliver_score(site);
        deliver_update(site);
      }
      commit();
    }
    EXPECT_TRUE(finished_) << "stuck";
  }
  const std::vector<std::string>& decisions() const { return decisions_; }

 private:
  const SiteId& any() { return sites_[dice_.below(sites_.size())]; }

  void step() {
    const SiteId site = any();
    switch (dice_.below(12)) {
      case 0:
        return gone(site);
      case 1:
      case 2:
        return ready(site);
      case 3:
      case 4:
      case 5:
        return deliver_score(site);
      case 6:
      case 7:
        return deliver_update(site);
      case 8:
        return noise(site);
      case 9:
        return commit();
      case 10:
        return wait();
      default:
        if (weather_.crashes && dice_.below(8) == 0) restart();
    }
  }

  void restart() {
    if (commit_ && dice_.below(2) == 0) make_durable();  // it died just after, or just before
    commit_.reset();
    todo_.clear();
    up_.clear();
    machine_.emplace(config_, "accuracy", sites_, Rng(1), ledger_);
    perform(machine_->start(now_));
  }

  void on(const RoundEvent& event) { perform(machine_->on(event, now_)); }

  void ready(const SiteId& site) {
    up_.insert(site);
    on(SiteReady{site});
  }
  void gone(const SiteId& site) {
    up_.erase(site);
    todo_.erase(site);
    if (weather_.deadlines && dice_.below(3) == 0) return on(SiteDeclined{site});
    on(SiteGone{site});
  }
  void deliver_score(const SiteId& site) {
    const auto todo = todo_.find(site);
    if (todo == todo_.end() || todo->second.evaluate.empty()) return;
    const Ask ask = todo->second;
    todo->second.evaluate.clear();
    on(Scored{score_of(site.name, ask.version, accuracy_at(site, ask.version), ask.evaluate.at(0))});
  }
  void deliver_update(const SiteId& site) {
    const auto todo = todo_.find(site);
    if (todo == todo_.end() || !todo->second.train) return;
    const std::uint32_t round = todo->second.round;
    todo->second.train = false;
    update(site, round);
  }
  // As the coordinator does: only what is wanted is judged and added.
  void update(const SiteId& site, std::uint32_t round) {
    const bool refused = is_refused(site, round);
    if (machine_->wants_update(site, round)) {
      EXPECT_EQ(round, machine_->round());
      EXPECT_TRUE(judged_.insert(site).second) << "wanted twice";
      if (!refused) admitted_.insert(site);
    }
    if (refused && machine_->wants_update(site, round)) ledger_.refused.push_back({site, round});
    if (refused)
      on(UpdateRefused{site, round});
    else
      on(UpdateAdmitted{site, round});
  }
  void noise(const SiteId& site) {
    const std::uint32_t round = ledger_.committed + static_cast<std::uint32_t>(dice_.below(3));
    if (dice_.below(2) == 0 || round == ledger_.committed + 1) {
      on(Scored{score_of(site.name, round + 1, 1)});
      on(Scored{score_of("stranger", ledger_.committed, 1)});
      on(UpdateAdmitted{{"stranger"}, ledger_.committed + 1});
      on(RoundDurable{ledger_.committed});
      on(RoundDurable{ledger_.committed + 2});
    } else {
      update(site, round);  // late, or of a round to come
    }
  }
  void commit() {
    if (!commit_) return;
    make_durable();
    on(RoundDurable{ledger_.committed});
  }
  void wait() {
    now_ += Milliseconds(1 + static_cast<std::int64_t>(dice_.below(20)));
    const TimePoint wake = machine_->wake_at();
    if (weather_.deadlines && wake != TimePoint::max()) now_ = std::max(now_, wake);
    on(Tick{});
    EXPECT_TRUE(machine_->wake_at() > now_) << "it would be woken for ever";
  }

  std::string next_round() const { return std::to_string(ledger_.committed + 1); }
  void make_durable() {
    decisions_.push_back(text(*commit_));
    ledger_.committed = commit_->round;
    ledger_.scores.insert(ledger_.scores.end(), commit_->scores.begin(), commit_->scores.end());
    commit_.reset();
  }

  void perform(const std::vector<RoundAction>& actions) {
    for (const RoundAction& action : actions) {
      ASSERT_FALSE(finished_) << "an action after the last";
      std::visit([&](const auto& each) { perform(each); }, action);
    }
    const bool waits = machine_->waiting().has_value();
    EXPECT_EQ(waits, !commit_ && !finished_) << "it must always say for whom it waits";
    EXPECT_TRUE(!waits || !machine_->waiting()->sites.empty());
  }
  void perform(const PutAside& aside) {  // said again by each machine made from the ledger
    if (aside_.insert(aside.site).second) decisions_.push_back(text(aside) + " before " + next_round());
  }
  void perform(const BeginRound& begin) {
    EXPECT_EQ(begin.round, ledger_.committed + 1);
    std::vector<SiteId> standing = sites_;
    std::erase_if(standing, [&](const SiteId& site) { return machine_->put_aside(site); });
    EXPECT_EQ(begin.cohort, draw_cohort(standing, config_.fraction, Rng(1), begin.round));
    cohort_ = begin.cohort;
    judged_.clear();
    admitted_.clear();
  }
  void perform(const Ask& ask) {
    EXPECT_TRUE(up_.contains(ask.site)) << ask.site.name << " is asked though it is not there";
    if (ask.train) {
      EXPECT_THAT(cohort_, testing::Contains(ask.site));
      EXPECT_EQ(ask.round, ledger_.committed + 1);
      EXPECT_EQ(ask.version, ledger_.committed);
    }
    todo_[ask.site] = ask;
  }
  void perform(const CommitRound& commit) {
    EXPECT_FALSE(commit_.has_value());
    EXPECT_EQ(commit.round, ledger_.committed + 1);
    EXPECT_EQ(std::set<SiteId>(commit.counted.begin(), commit.counted.end()), admitted_) << "what is in the mean";
    EXPECT_TRUE(std::is_sorted(commit.counted.begin(), commit.counted.end()));
    EXPECT_GE(admitted_.size(), quorum_size(config_.quorum, cohort_.size()));
    for (const SiteScore& score : commit.scores) EXPECT_EQ(score.version, ledger_.committed);
    commit_ = commit;
  }
  void perform(const FinishRun& finish) {
    finished_ = true;
    decisions_.push_back(text(finish));
    EXPECT_LE(finish.best_version, ledger_.committed);
  }

  void perform(const FailRun& failed) {
    finished_ = true;
    decisions_.push_back(text(failed));
    EXPECT_EQ(failed.refused.size(), judged_.size() - admitted_.size());
    EXPECT_TRUE(weather_.deadlines || failed.declined.empty());
    EXPECT_LT(cohort_.size() - failed.refused.size() - failed.declined.size(),
              quorum_size(config_.quorum, cohort_.size()));
  }

  RoundsConfig config_;
  std::vector<SiteId> sites_;
  Weather weather_;
  RngStream dice_;
  TimePoint now_{};
  std::optional<RoundMachine> machine_;
  History ledger_;
  std::optional<CommitRound> commit_;
  std::vector<SiteId> cohort_;
  std::set<SiteId> up_, judged_, admitted_, aside_;
  std::map<SiteId, Ask> todo_;
  std::vector<std::string> decisions_;
  bool finished_ = false;
};

constexpr Milliseconds kNever{1'000'000'000};

TEST(RoundRandomTest, OrderOfEventsAndCrashesChangeNoDecision) {
  for (const double fraction : {1.0, 0.6}) {
    const RoundsConfig config{.count = 6, .fraction = fraction, .quorum = 0.2, .deadline = kNever, .patience = 3};
    Fleet calm(config, "abcde", {}, 0);
    calm.run();
    EXPECT_GE(calm.decisions().size(), 4U);
    for (std::uint64_t seed = 1; seed <= 200; ++seed) {
      Fleet fleet(config, "abcde", {.crashes = seed % 2 == 0}, seed);
      fleet.run();
      ASSERT_EQ(fleet.decisions(), calm.decisions()) << "seed " << seed;
    }
  }
}

TEST(RoundRandomTest, WhoIsPutAsideDependsOnNoOrderAndNoCrash) {
  const RoundsConfig config{.count = 8, .fraction = 0.6, .quorum = 0.2, .deadline = kNever, .max_refusals = 1};
  Fleet calm(config, "abcdefgh", {}, 0);
  calm.run();
  const auto asides = [](const Fleet& fleet) {
    const std::vector<std::string> all = fleet.decisions();
    return std::count_if(all.begin(), all.end(), [](const auto& line) { return line.starts_with("put aside"); });
  };
  EXPECT_GE(asides(calm), 2) << testing::PrintToString(calm.decisions());
  for (std::uint64_t seed = 1; seed <= 200; ++seed) {
    Fleet fleet(config, "abcdefgh", {.crashes = seed % 2 == 0}, seed);
    fleet.run();
    ASSERT_EQ(fleet.decisions(), calm.decisions()) << "seed " << seed;
  }
}

TEST(RoundRandomTest, DeadlinesAndQuorumsNeverHangOrCountTwice) {
  for (std::uint64_t seed = 1; seed <= 400; ++seed) {
    const RoundsConfig config{.count = 1 + static_cast<std::uint32_t>(seed % 7),
                              .fraction = seed % 3 == 0 ? 0.5 : 1,
                              .quorum = seed % 5 == 0 ? 1 : 0.4,
                              .deadline = Milliseconds(50),
                              .patience = static_cast<std::uint32_t>(seed % 4)};
    Fleet(config, "abcdef", {.deadlines = true, .crashes = seed % 2 == 0}, seed).run();
    ASSERT_FALSE(HasFailure()) << "seed " << seed;
  }
}

// The history after round t, as an unbroken run made it.
History after(std::uint32_t round, const std::vector<SiteId>& sites, double fraction) {
  History history{.committed = round};
  for (std::uint32_t version = 0; version < round; ++version)
    for (const SiteId& site : draw_cohort(sites, fraction, Rng(1), version + 1))
      history.scores.push_back(score_of(site.name, version, accuracy_of(version)));
  return history;
}

TEST(RoundResumeTest, FromEveryRoundTheRestIsTheSame) {
  const auto sites = sites_named("abcde");
  for (const std::uint32_t patience : {0U, 1U, 2U, 4U}) {
    const RoundsConfig config{.count = 8, .fraction = 0.5, .patience = patience};
    const auto unbroken = play_out(RoundMachine(config, "accuracy", sites, Rng(1)), sites, accuracy_of);
    ASSERT_EQ(unbroken.back().substr(0, 6), "finish");
    const auto last = static_cast<std::uint32_t>(
        std::count_if(unbroken.begin(), unbroken.end(), [](const auto& line) { return line.starts_with("commit"); }));
    EXPECT_EQ(last < 8, patience == 1 || patience == 2) << "the accuracies should stop some of the runs: " << patience;
    auto rest = unbroken.begin();
    for (std::uint32_t round = 1; round <= last; ++round) {
      const std::string commit = "commit " + std::to_string(round) + ":";
      rest = std::find_if(rest, unbroken.end(), [&](const auto& line) { return line.starts_with(commit); }) + 1;
      const auto resumed = play_out(
          RoundMachine(config, "accuracy", sites, Rng(1), after(round, sites, config.fraction)), sites, accuracy_of);
      EXPECT_EQ(resumed, std::vector<std::string>(rest, unbroken.end())) << "after round " << round;
    }
  }
}

}  // namespace
}  // namespace weft::fl
