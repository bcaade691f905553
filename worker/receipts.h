// The site's own receipts on disk: what it can hold against the coordinator's ledger once the run is over. Nothing of
// weft removes or changes one.
//
// File receipts/RUN_ID-ROUND-STATEMENT.json in the site's state folder: one receipt (common/wire/receipt.h), STATEMENT
// being the first 16 hex characters of the SHA-256 of its statement: what is said twice is kept once, and whoever says
// two things of one round has signed both. A file is complete or absent.
#pragma once
#include <filesystem>
#include <string>
#include <vector>

#include "common/base/disk.h"
#include "common/base/result.h"
#include "common/wire/receipt.h"

namespace weft::worker {

// On Ok it survives a crash or power cut. One that is there stays, also where the same comes signed anew.
Status keep_receipt(const std::filesystem::path& folder, const wire::Receipt& receipt, Disk& disk = system_disk());

struct StoredReceipt {
  std::filesystem::path file;
  Result<wire::Receipt> receipt;  // Error: not a receipt
};
// All of a run, in the order of their names. Empty when there are none.
std::vector<StoredReceipt> receipts_of(const std::filesystem::path& folder, const std::string& run_id,
                                       Disk& disk = system_disk());

}  // namespace weft::worker
