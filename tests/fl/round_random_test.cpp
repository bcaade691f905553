// Runs in which everything comes in any order: sites that come and go, late, double and refused updates, deadlines, and
// coordinators that die and are made again from what was durable. In every mode of rounds.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <map>
#include <optional>
#include <set>

#include "common/fl/cohort.h"
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
CountedUpdate update_of(const SiteId& site, std::uint32_t round) {
  RngStream stream = Rng(8).stream("update", site.name, round);
  return {.site = site,
          .examples = 1 + stream.below(100),
          .loss = stream.uniform(),
          .steps = 8,
          .seconds = 0.1 * stream.uniform()};
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
    for (int i = 0; i < 600 && !finished_; ++i) step();
    // Then the weather is fair: whoever delivers all that is asked of it must see the end.
    for (int i = 0; i < 400 && !finished_; ++i) {
      for (const SiteId& site : sites_) {
        if (!up_.contains(site)) ready(site);
        deliver_score(site);
        train(site);
        deliver_updates(site);
      }
      commit();
    }
    const auto waiting = machine_->waiting();
    EXPECT_TRUE(finished_) << "stuck in round " << machine_->round() << ", waits for "
                           << (waiting ? waiting->what + " from " + names(waiting->sites) : "nothing");
  }
  const std::vector<std::string>& decisions() const { return decisions_; }
  int stale() const { return stale_; }
  int held() const { return held_; }

 private:
  const SiteId& any() { return sites_[dice_.below(sites_.size())]; }

  void step() {
    const SiteId site = any();
    switch (dice_.below(14)) {
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
        return train(site);
      case 8:
      case 9:
        return deliver_updates(site);
      case 10:
        return noise(site);
      case 11:
        return commit();
      case 12:
        return wait();
      default:
        if (weather_.crashes && dice_.below(8) == 0) restart();
    }
  }

  void restart() {
    if (commit_ && dice_.below(2) == 0) make_durable();  // it died just after, or just before
    commit_.reset();
    todo_.clear();
    working_.clear();
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
    if (weather_.deadlines && dice_.below(3) == 0) {
      working_.erase(site);
      return on(SiteDeclined{site});
    }
    on(SiteGone{site});
  }
  void deliver_score(const SiteId& site) {
    const auto todo = todo_.find(site);
    if (todo == todo_.end() || todo->second.evaluate.empty()) return;
    const Ask ask = todo->second;
    todo->second.evaluate.clear();
    on(Scored{score_of(site.name, ask.version, accuracy_at(site, ask.version), ask.evaluate.at(0))});
  }
  // What a site has finished it keeps until it hears what became of it, whatever dies.
  void train(const SiteId& site) {
    const auto todo = todo_.find(site);
    if (todo == todo_.end() || !std::exchange(todo->second.train, false)) return;
    const std::uint32_t round = todo->second.round;
    spool_[site].insert(round);
    if (is_refused(site, round)) return;
    EXPECT_TRUE(trained_.emplace(site, round).second) << site.name << " was told to forget it, and trains again";
  }
  void deliver_updates(const SiteId& site) {
    if (!up_.contains(site)) return;
    for (const std::uint32_t round : std::set<std::uint32_t>(spool_[site])) {
      const auto admitted = admitted_.find(site);
      if (admitted != admitted_.end() && admitted->second == round) continue;  // it hears when that is durable
      const auto fate = machine_->fate_of(site, round);
      held_ += fate == RoundMachine::Fate::later ? 1 : 0;
      if (fate == RoundMachine::Fate::later) continue;
      if (fate == RoundMachine::Fate::late || is_refused(site, round)) spool_[site].erase(round);
      update(site, round);
    }
  }
  // As the coordinator does: only what is wanted is judged and added.
  void update(const SiteId& site, std::uint32_t round) {
    const bool refused = is_refused(site, round);
    if (machine_->wants_update(site, round)) {
      EXPECT_LE(round, machine_->round());
      EXPECT_LE(machine_->round() - round, config_.max_staleness);
      EXPECT_TRUE(judged_.insert(site).second) << "wanted twice";
      if (!refused) admitted_[site] = round;
      const auto working = working_.find(site);
      if (working != working_.end() && working->second == round) working_.erase(working);
    }
    if (refused && machine_->wants_update(site, round)) ledger_.refused.push_back({{site, round}, machine_->round()});
    if (refused)
      on(UpdateRefused{site, round});
    else
      on(UpdateAdmitted{site, round, update_of(site, round)});
  }
  void noise(const SiteId& site) {
    const std::uint32_t round = ledger_.committed + static_cast<std::uint32_t>(dice_.below(3));
    if (dice_.below(2) == 0 || round == ledger_.committed + 1 || config_.max_staleness > 0) {
      on(Scored{score_of(site.name, round + 1, 1)});
      on(Scored{score_of("stranger", ledger_.committed, 1)});
      on(UpdateAdmitted{{"stranger"}, ledger_.committed + 1, {}});
      on(UpdateAdmitted{site, ledger_.committed + 2, {}});
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
    ledger_.validation.merge(validation_values(commit_->scores, "accuracy"));
    PastRound past{.round = commit_->round, .cohort = cohort_};
    for (const auto& [site, round] : admitted_) {
      EXPECT_TRUE(counted_.emplace(site, round).second) << site.name << "'s update of " << round << " counts twice";
      past.updates.push_back(update_of(site, round));
      past.updates.back().staleness = commit_->round - round;
      stale_ += round < commit_->round ? 1 : 0;
      spool_[site].erase(round);
    }
    ledger_.past.note(past);
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
    const Cohort chosen = choose_cohort(config_, standing, ledger_.past, Rng(1), begin.round);
    EXPECT_EQ(begin.cohort, chosen.sites) << "it follows from what is durable";
    wanted_ = config_.buffered() ? std::min<std::size_t>(config_.buffer, standing.size()) : chosen.wanted;
    cohort_ = begin.cohort;
    std::erase_if(working_, [&](const auto& entry) { return begin.round - entry.second > config_.max_staleness; });
    std::vector<SiteId> at_work;
    for (const auto& [site, round] : working_) at_work.push_back(site);
    EXPECT_EQ(begin.at_work, at_work);
    judged_.clear();
    admitted_.clear();
  }
  void perform(const Ask& ask) {
    EXPECT_TRUE(up_.contains(ask.site)) << ask.site.name << " is asked though it is not there";
    if (ask.train) {
      const auto working = working_.find(ask.site);
      EXPECT_EQ(ask.version, ask.round - 1);
      if (working != working_.end() && working->second != ledger_.committed + 1) {
        EXPECT_EQ(ask.round, working->second) << "it is left to its work";
      } else {
        EXPECT_THAT(cohort_, testing::Contains(ask.site));
        EXPECT_EQ(ask.round, ledger_.committed + 1);
        EXPECT_EQ(ask.local_steps, steps_for(ledger_.past.of(ask.site), config_));
        EXPECT_FALSE(counted_.contains({ask.site, ask.round})) << "it trained from that version";
        if (working == working_.end()) expect_place();
      }
      working_[ask.site] = ask.round;
    }
    todo_[ask.site] = ask;
    todo_[ask.site].train = ask.train && !spool_[ask.site].contains(ask.round);  // it has that already
  }
  // Those whose update is in hold no place: what they make now comes into the next round.
  void expect_place() {
    const auto busy = std::count_if(working_.begin(), working_.end(), [&](const auto& entry) {
      return up_.contains(entry.first) && !judged_.contains(entry.first);
    });
    EXPECT_TRUE(config_.concurrency == 0 || busy < config_.concurrency) << "all places are taken";
  }
  void perform(const CommitRound& commit) {
    EXPECT_FALSE(commit_.has_value());
    EXPECT_EQ(commit.round, ledger_.committed + 1);
    std::vector<SiteId> in_mean;
    for (const auto& [site, round] : admitted_) in_mean.push_back(site);
    EXPECT_EQ(commit.counted, in_mean) << "what is in the mean";
    const auto of_cohort =
        static_cast<std::size_t>(std::count_if(in_mean.begin(), in_mean.end(), [&](const SiteId& site) {
          return std::find(cohort_.begin(), cohort_.end(), site) != cohort_.end();
        }));
    EXPECT_GE(of_cohort, quorum_size(config_.quorum, wanted_));
    EXPECT_LE(of_cohort, wanted_);
    for (const SiteScore& score : commit.scores) EXPECT_EQ(score.version, ledger_.committed);
    for (const auto& [site, round] : working_) {
      if (commit.round + 1 - round > config_.max_staleness) continue;
      EXPECT_TRUE(commit.at_work.contains(round - 1)) << "a site may fetch that version again";
    }
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
    EXPECT_LE(failed.refused.size(), judged_.size() - admitted_.size());
    EXPECT_TRUE(weather_.deadlines || failed.declined.empty());
    EXPECT_LT(cohort_.size() - failed.refused.size() - failed.declined.size(), quorum_size(config_.quorum, wanted_));
  }

  RoundsConfig config_;
  std::vector<SiteId> sites_;
  Weather weather_;
  RngStream dice_;
  TimePoint now_{};
  std::optional<RoundMachine> machine_;
  History ledger_;
  std::set<std::pair<SiteId, std::uint32_t>> counted_;
  std::optional<CommitRound> commit_;
  std::vector<SiteId> cohort_;
  std::size_t wanted_ = 0;
  std::set<SiteId> up_, judged_, aside_;
  std::map<SiteId, std::uint32_t> admitted_;  // in the open round, and the rounds of their updates
  std::map<SiteId, std::uint32_t> working_;   // asked to train, and for which round
  std::map<SiteId, Ask> todo_;
  std::map<SiteId, std::set<std::uint32_t>> spool_;
  std::vector<std::string> decisions_;
  bool finished_ = false;
  std::set<std::pair<SiteId, std::uint32_t>> trained_;
  int stale_ = 0, held_ = 0;
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

struct ModeCase {
  const char* name;
  RoundsConfig config;
  bool late;  // updates of earlier rounds are counted
};

class EachMode : public testing::TestWithParam<ModeCase> {};
INSTANTIATE_TEST_SUITE_P(
    Table, EachMode,
    testing::Values(
        ModeCase{"over_selection", {.fraction = 0.5, .over_selection = 1.6}, false},
        ModeCase{"stale", {.fraction = 0.6, .over_selection = 1.3, .max_staleness = 3}, true},
        ModeCase{"stale_by_one", {.max_staleness = 1}, true},
        ModeCase{"oort", {.cohort = "oort", .fraction = 0.5, .over_selection = 1.3}, false},
        ModeCase{"power_of_choice", {.cohort = "power_of_choice", .fraction = 0.5, .max_staleness = 2}, true},
        ModeCase{"poisson", {.cohort = "poisson", .fraction = 0.5}, false},
        ModeCase{"fewer_steps", {.cohort = "weighted", .fraction = 0.6, .min_steps = 2, .local_steps = 64}, false},
        ModeCase{"buffered", {.mode = RoundsConfig::Mode::buffered, .max_staleness = 4, .buffer = 3}, true},
        ModeCase{"few_places",
                 {.mode = RoundsConfig::Mode::buffered, .max_staleness = 2, .buffer = 2, .concurrency = 2},
                 true},
        ModeCase{"buffer_of_all",
                 {.mode = RoundsConfig::Mode::buffered, .max_staleness = 9, .buffer = 50, .concurrency = 3},
                 true},
        ModeCase{"nothing_stale", {.mode = RoundsConfig::Mode::buffered, .buffer = 3}, false}),
    [](const auto& tested) { return tested.param.name; });

TEST_P(EachMode, KeepsItsPromisesInAnyWeather) {
  int stale = 0, held = 0;
  for (std::uint64_t seed = 1; seed <= 150; ++seed) {
    RoundsConfig config = GetParam().config;
    config.count = 2 + static_cast<std::uint32_t>(seed % 9);
    config.quorum = seed % 5 == 0 ? 1 : 0.4;
    config.deadline = seed % 3 == 0 ? kNever : Milliseconds(50);
    config.patience = static_cast<std::uint32_t>(seed % 4);
    Fleet fleet(config, "abcdef", {.deadlines = seed % 3 != 0, .crashes = seed % 2 == 0}, seed);
    fleet.run();
    ASSERT_FALSE(HasFailure()) << "seed " << seed;
    stale += fleet.stale();
    held += fleet.held();
  }
  EXPECT_EQ(stale > 0, GetParam().late) << "this test should see late updates counted where they are";
  EXPECT_TRUE(held > 0 || !GetParam().late) << "and some that wait for the next round";
}

// The history after round t, as an unbroken run made it.
History after(std::uint32_t round, const std::vector<SiteId>& sites, double fraction) {
  std::vector<SiteScore> scores;
  for (std::uint32_t version = 0; version < round; ++version)
    for (const SiteId& site : draw_cohort(sites, fraction, Rng(1), version + 1))
      scores.push_back(score_of(site.name, version, accuracy_of(version)));
  return history_of(round, scores);
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
