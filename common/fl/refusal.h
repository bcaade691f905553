// What a coordinator refuses, by kind, so that refusals can be counted. The words stand in the ledger and in
// summary.json.
#pragma once
#include <string>
#include <string_view>

namespace weft::fl {

enum class RefusalKind {
  // A site.
  unlisted,    // not in the run file
  protocol,    // speaks another one, or broke it
  base_model,  // has another one
  layout,      // names and shapes of its adapter's tensors differ
  revoked,     // its certificate was
  flood,       // said more than its budget
  declined,    // it refuses the run
  put_aside,   // too many of its updates were refused
  // An update, judged and found wrong.
  version,     // it does not start from this round's adapter
  size,        // not the adapter's
  digest,      // what came is not what was offered
  not_finite,  // NaN or Inf
  norm,        // beyond the limits
  examples,    // more than a site may have, none, or not as many as it said
  steps,       // not as many as were asked for
  // An update that came when none of this site was wanted.
  late,
  repeated,  // the round has judged one of this site already
};

// "not_finite".
const char* name_of(RefusalKind kind);
// Counts towards rounds.max_refusals.
bool is_of_update(RefusalKind kind);
bool is_of_update(std::string_view name);  // false for a name of no kind

struct Refusal {
  RefusalKind kind = RefusalKind::protocol;
  std::string reason;  // got and expected
};

}  // namespace weft::fl
