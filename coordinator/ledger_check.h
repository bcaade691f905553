// Whether a ledger is what its coordinator signed as it went: the chain of records, their signatures, the files of the
// versions, what the run has left for people, and the receipts that sites hold against it.
//
// What this shows, and what not. A row of a signed ledger that was changed, added or removed is named. Whoever has the
// coordinator's key can write the ledger anew with all its hashes and signatures; then the receipts differ, if sites
// kept theirs. A ledger whose last records are gone together with all files that came of them reads as one of a run
// that stopped there; receipts of the rounds that are missing show it. Without a CA it is shown only that all is signed
// by the certificates in the ledger, but for its first records, which then may be without signature.
#pragma once
#include <filesystem>
#include <optional>
#include <string>
#include <vector>

#include "common/wire/receipt.h"
#include "coordinator/ledger.h"

namespace weft::coordinator {

struct NamedReceipt {
  std::string where;  // its file
  Result<wire::Receipt> receipt;
};

struct CheckRequest {
  std::filesystem::path folder;  // of the run; empty: the ledger alone is looked at
  std::vector<NamedReceipt> receipts;
  std::optional<std::filesystem::path> ca;  // must have issued each certificate; a record without signature is a fault
};

struct CheckResult {
  std::vector<std::string> faults;  // each says where, what, got, expected; empty: all holds
  std::vector<std::string> notes;   // what nobody vouches for, and need not
  std::size_t records = 0, signatures = 0, rounds = 0, receipts = 0, versions = 0;  // that were checked
  std::vector<std::string> signers;                                                 // names in the certificates
};

// Reads `ledger`, of the run in that folder, as it is now, also while its coordinator runs. ConfigError: it has no run,
// or the CA cannot be read.
CheckResult check_ledger(const Ledger& ledger, const CheckRequest& request);

// Before a run goes on: throws Failure with the first fault of its ledger, which lies in `file`. `request`: who must
// have signed it.
void require_sound(const Ledger& ledger, const std::filesystem::path& file, const CheckRequest& request);

}  // namespace weft::coordinator
