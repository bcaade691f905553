// A ledger and what came of checking it, for people and programs.
#pragma once
#include <functional>
#include <string>

#include "coordinator/ledger.h"
#include "coordinator/ledger_check.h"

namespace weft::coordinator {

// The run, a table of its rounds, and what was refused.
std::string ledger_text(const Ledger& ledger);

// One JSON object:
//   run, run_id, config_digest, seed, base_digest, manifest_digest, initial_digest, best_version, reason (null until
//   the end)
//   rounds[]    {round, time, cohort, updates[] {site, examples, digest, staleness}, loss, seconds,
//                bytes_up, bytes_down, adapter_digest, record, signer}
//   refusals[]  {time, round, site, reason}
// Written piece by piece, a round at most.
void write_ledger_json(const Ledger& ledger, const std::function<void(const std::string&)>& write);

// Each fault on a line, then one line with what was checked and by whom it is signed.
std::string check_text(const CheckResult& result);

}  // namespace weft::coordinator
