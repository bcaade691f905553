// summary.json: what came of a run, for people and programs, made from the ledger alone.
//
//   run, run_id, config_digest, seed, versions, base_digest
//   initial         {adapter_digest, validation}
//   rounds[]        {round, time, cohort, counted, loss, validation, bytes_up, bytes_down, seconds, refusals,
//                    adapter_digest}
//   metric          {name, better}: what decided which version is the best
//   best_version, reason, final (scores of the best version on the test split), adapter_sha256
//   refused         {KIND: how many}, over all rounds; put_aside: sites
//   peak_rss_bytes  {coordinator, SITE...}
// Scores are {overall: {examples, VALUE...}, sites: {SITE: {examples, VALUE...}}} with every value that follows from
// what was counted (accuracy, macro_f1, loss, ...), or null where no site scored that version. Overall values are those
// of all sites' examples together. A round's validation is that of the version it made.
#pragma once
#include <cstdint>
#include <functional>
#include <map>
#include <string>

#include "coordinator/ledger.h"

namespace weft::coordinator {

// What the ledger does not say.
struct SummaryFacts {
  std::map<std::string, std::string> versions;
  std::string metric;          // what decided
  std::string adapter_sha256;  // StateDict::digest() of the best version
  std::uint64_t coordinator_peak_rss_bytes = 0;
};

// Of a run that has ended; `write` gets it piece by piece, a round at most.
void write_summary(const Ledger& ledger, const SummaryFacts& facts,
                   const std::function<void(const std::string&)>& write);

}  // namespace weft::coordinator
