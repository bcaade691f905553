// Finished updates on disk, kept until the coordinator says that their fate is durable. A file is complete or absent;
// one that is torn or not ours is set aside under another name, never deleted and never sent.
//
// File RUN_ID-ROUND.update: "WEFTUPD1", u64 little-endian header length, JSON header, payload, SHA-256 of all before as
// hex.
#pragma once
#include <cstdint>
#include <filesystem>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "common/base/bytes.h"
#include "common/base/disk.h"
#include "common/base/result.h"

namespace weft::worker {

struct FinishedUpdate {
  std::string run_id;  // 32 hex characters
  std::uint32_t round = 0;
  std::uint32_t version = 0;   // the adapter it started from
  std::string adapter_digest;  // of that adapter's payload
  std::string digest;          // of the payload
  std::uint64_t examples = 0;
  std::map<std::string, double> values;
  std::shared_ptr<const Bytes> payload;
};

bool valid_run_id(const std::string& run_id);
Bytes encode_update(const FinishedUpdate& update);
Result<FinishedUpdate> decode_update(ByteSpan file);

// One thread. Two processes cannot hold the same folder.
class Spool {
 public:
  // Makes the folder and locks it. Throws Failure when another process holds it.
  explicit Spool(std::filesystem::path folder, Disk& disk = system_disk());
  Spool(const Spool&) = delete;
  Spool& operator=(const Spool&) = delete;
  // On Ok the update survives a crash or power cut. Replaces one of the same run and round.
  Status put(const FinishedUpdate& update);
  // All of a run, oldest round first, and durable, whoever wrote them. Bad files are renamed to *.bad with a warning in
  // the log. Error: the disk fails, or does not let this process read; all stays as it is.
  Result<std::vector<FinishedUpdate>> of_run(const std::string& run_id);
  void forget(const std::string& run_id, std::uint32_t round);
  std::size_t count_of_others(const std::string& run_id) const;  // updates of other runs

 private:
  std::vector<std::filesystem::path> files() const;
  std::filesystem::path file_of(const std::string& run_id, std::uint32_t round) const;
  std::filesystem::path folder_;
  Disk& disk_;
  std::shared_ptr<void> lock_;
};

}  // namespace weft::worker
