// Actions as text, and a fleet of sites that do as they are told.
#include "tests/fl/round_support.h"

#include <gtest/gtest.h>

#include <deque>

#include "common/fl/cohort.h"

namespace weft::fl {
namespace {

std::string scorers(const std::vector<SiteScore>& scores) {
  std::string all;
  for (const SiteScore& score : scores) all += (all.empty() ? "" : " ") + score.site.name;
  return all;
}

std::string line(const BeginRound& begin) {
  return "begin " + std::to_string(begin.round) + ": " + names(begin.cohort) +
         (begin.at_work.empty() ? "" : "; at work " + names(begin.at_work));
}

std::string line(const PutAside& aside) { return "put aside " + aside.site.name; }

std::string line(const Ask& ask) {
  EXPECT_EQ(ask.train, ask.round != 0);
  std::string what = ask.train ? "train " + std::to_string(ask.round) + " from " : "with ";
  what += std::to_string(ask.version);
  for (const std::string& split : ask.evaluate) what += ", score " + split;
  if (ask.local_steps > 0) what += ", " + std::to_string(ask.local_steps) + " steps";
  return "ask " + ask.site.name + ": " + what;
}

std::string line(const CommitRound& commit) {
  std::string kept;
  for (const std::uint32_t version : commit.at_work) kept += " " + std::to_string(version);
  return "commit " + std::to_string(commit.round) + ": " + names(commit.counted) + "; scores " +
         scorers(commit.scores) + (kept.empty() ? "" : "; keep" + kept);
}

std::string line(const FinishRun& finish) {
  return "finish: best " + std::to_string(finish.best_version) + ", " + finish.reason + "; scores " +
         scorers(finish.scores);
}

std::string line(const FailRun& failed) {
  return "fail " + std::to_string(failed.round) + ": needs " + std::to_string(failed.quorum) + "; refused " +
         names(failed.refused) + "; declined " + names(failed.declined) +
         (failed.aside.empty() ? "" : "; put aside " + names(failed.aside));
}

}  // namespace

std::string text(const RoundAction& action) {
  return std::visit([](const auto& each) { return line(each); }, action);
}

std::string names(const std::vector<SiteId>& sites) {
  std::string all;
  for (const SiteId& site : sites) all += (all.empty() ? "" : " ") + site.name;
  return all;
}

std::vector<SiteId> sites_named(const std::string& letters) {
  std::vector<SiteId> sites;
  for (const char letter : letters) sites.push_back({std::string(1, letter)});
  return sites;
}

std::vector<SiteId> draw_cohort(const std::vector<SiteId>& sites, double fraction, const Rng& rng,
                                std::uint32_t round) {
  return choose_cohort({.fraction = fraction}, sites, {}, rng, round).sites;
}

metrics::Tally binary_tally(double examples, double right, double mean_loss) {
  return {{{"confusion", {right, examples - right, 0, 0}}, {"loss", {mean_loss * examples, examples}}}};
}

SiteScore score_of(const std::string& site, std::uint32_t version, double accuracy, const std::string& split,
                   std::uint64_t examples) {
  SiteScore score{.site = {site}, .version = version, .split = split, .examples = examples};
  const auto count = static_cast<double>(examples);
  if (examples > 0) score.tally = binary_tally(count, accuracy * count, 1 - accuracy);  // parts of one count too
  return score;
}

History history_of(std::uint32_t committed, const std::vector<SiteScore>& scores,
                   const std::vector<PastRound>& rounds) {
  History history{.committed = committed, .validation = validation_values(scores, "accuracy")};
  for (const PastRound& round : rounds) history.past.note(round);
  return history;
}

Script::Script(const RoundsConfig& config, const std::string& letters, History history, std::uint64_t seed)
    : machine(config, "accuracy", sites_named(letters), Rng(seed), std::move(history)) {}

Script::Lines Script::through(const std::string& site, std::uint32_t round, double accuracy) {
  Lines lines = score(site, round - 1, accuracy), rest = admit(site, round);
  lines.insert(lines.end(), rest.begin(), rest.end());
  return lines;
}

std::string Script::waiting() const {
  const auto waiting = machine.waiting();
  if (!waiting) return "nothing";
  const bool ends = waiting->until != TimePoint::max();
  return waiting->what + " from " + names(waiting->sites) +
         (ends ? " until " + std::to_string(waiting->until.time_since_epoch().count()) : "");
}

std::string Script::fate(const std::string& site, std::uint32_t round) const {
  const auto fate = machine.fate_of({site}, round);
  return fate == RoundMachine::Fate::taken ? "taken" : fate == RoundMachine::Fate::later ? "later" : "late";
}

Script::Lines Script::take(const std::vector<RoundAction>& actions) {
  Lines lines;
  for (const RoundAction& action : actions) lines.push_back(text(action));
  return lines;
}

std::vector<std::string> play_out(RoundMachine machine, const std::vector<SiteId>& sites,
                                  double (*accuracy)(std::uint32_t version)) {
  std::vector<std::string> lines;
  std::deque<RoundEvent> events;
  const auto perform = [&](const std::vector<RoundAction>& actions) {
    for (const RoundAction& action : actions) {
      lines.push_back(text(action));
      if (const auto* ask = std::get_if<Ask>(&action)) {
        for (const std::string& split : ask->evaluate)
          events.emplace_back(Scored{score_of(ask->site.name, ask->version, accuracy(ask->version), split)});
        if (ask->train) events.emplace_back(UpdateAdmitted{ask->site, ask->round, {}});
      } else if (const auto* commit = std::get_if<CommitRound>(&action)) {
        events.emplace_back(RoundDurable{commit->round});
      }
    }
  };
  perform(machine.start(TimePoint{}));
  for (const SiteId& site : sites) perform(machine.on(SiteReady{site}, TimePoint{}));
  for (; !events.empty(); events.pop_front()) perform(machine.on(events.front(), TimePoint{}));
  return lines;
}

}  // namespace weft::fl
