// Plays a RoundMachine by hand, one line of text an action, so that a test reads as a script.
#pragma once
#include <string>
#include <vector>

#include "common/fl/round.h"

namespace weft::fl {

// "put aside a", "begin 1: a b", "ask a: train 1 from 0, score validation", "commit 1: a b; scores a b",
// "finish: best 1, all rounds are done; scores a b a b", "fail 1: needs 2; refused b; declined c; put aside d".
std::string text(const RoundAction& action);
std::string names(const std::vector<SiteId>& sites);
std::vector<SiteId> sites_named(const std::string& letters);  // "abc": a, b and c
// As rounds.cohort: uniform asks them.
std::vector<SiteId> draw_cohort(const std::vector<SiteId>& sites, double fraction, const Rng& rng, std::uint32_t round);

// What a classifier with two classes counted: `right` of `examples`, all of class 0.
metrics::Tally binary_tally(double examples, double right, double mean_loss);
// A site without examples when `examples` is 0.
SiteScore score_of(const std::string& site, std::uint32_t version, double accuracy = 0.5,
                   const std::string& split = "validation", std::uint64_t examples = 10);

// What the ledger would say of these, on accuracy.
History history_of(std::uint32_t committed, const std::vector<SiteScore>& scores,
                   const std::vector<PastRound>& rounds = {});

class Script {
 public:
  using Lines = std::vector<std::string>;
  Script(const RoundsConfig& config, const std::string& letters, History history = {}, std::uint64_t seed = 1);

  Lines start() { return take(machine.start(now)); }
  Lines ready(const std::string& site, std::uint32_t training = 0) { return on(SiteReady{{site}, training}); }
  Lines gone(const std::string& site) { return on(SiteGone{{site}}); }
  Lines decline(const std::string& site) { return on(SiteDeclined{{site}}); }
  Lines score(const std::string& site, std::uint32_t version, double accuracy = 0.5,
              const std::string& split = "validation", std::uint64_t examples = 10) {
    return on(Scored{score_of(site, version, accuracy, split, examples)});
  }
  Lines admit(const std::string& site, std::uint32_t round) { return on(UpdateAdmitted{{site}, round, {}}); }
  // Of a site that took `steps` in `seconds`.
  Lines admit(const std::string& site, std::uint32_t round, double steps, double seconds) {
    return on(UpdateAdmitted{{site}, round, {.steps = steps, .seconds = seconds}});
  }
  Lines refuse(const std::string& site, std::uint32_t round) { return on(UpdateRefused{{site}, round}); }
  Lines durable(std::uint32_t round) { return on(RoundDurable{round}); }
  Lines list(const std::string& letters) { return on(SitesChanged{sites_named(letters)}); }
  std::string fate(const std::string& site, std::uint32_t round) const;  // "taken", "later", "late"
  Lines tick(Milliseconds later) {
    now += later;
    return on(Tick{});
  }
  // Score of version round-1, then the update.
  Lines through(const std::string& site, std::uint32_t round, double accuracy = 0.5);
  std::string waiting() const;  // "an update from a b until 60000", "nothing"

  RoundMachine machine;
  TimePoint now{};

 private:
  Lines on(const RoundEvent& event) { return take(machine.on(event, now)); }
  static Lines take(const std::vector<RoundAction>& actions);
};

// Does all that is asked at once and in order until the run is finished, with `accuracy(version)` at every site;
// returns every action. All sites come after start().
std::vector<std::string> play_out(RoundMachine machine, const std::vector<SiteId>& sites,
                                  double (*accuracy)(std::uint32_t version));

}  // namespace weft::fl
