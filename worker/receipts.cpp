// The folder of receipts.
#include "worker/receipts.h"

#include <algorithm>

#include "common/base/digest.h"
#include "common/base/file.h"
#include "worker/spool.h"

namespace weft::worker {
namespace {

constexpr const char* kFolder = "receipts";

Result<wire::Receipt> read_receipt(const std::filesystem::path& file) {
  const Result<std::string> text = read_text(file);
  return text ? wire::receipt_from_json(text.value()) : text.error();
}

}  // namespace

Status keep_receipt(const std::filesystem::path& folder, const wire::Receipt& receipt, Disk& disk) {
  WEFT_CHECK(valid_run_id(receipt.run_id), "run_id comes from a peer and must be checked before it names a file");
  const std::string statement = sha256_hex(as_bytes(wire::receipt_statement(receipt))).substr(0, 16);
  const std::filesystem::path file =
      folder / kFolder / (receipt.run_id + "-" + std::to_string(receipt.round) + "-" + statement + ".json");
  if (disk.exists(file)) return Ok{};
  disk.make_folder(file.parent_path());
  return disk.write_atomic(file, as_bytes(wire::to_json(receipt)), 0600);
}

std::vector<StoredReceipt> receipts_of(const std::filesystem::path& folder, const std::string& run_id) {
  std::vector<std::filesystem::path> files;
  std::error_code missing;
  for (const auto& entry : std::filesystem::directory_iterator(folder / kFolder, missing))
    if (entry.path().extension() == ".json" && entry.path().filename().string().starts_with(run_id + "-"))
      files.push_back(entry.path());
  std::sort(files.begin(), files.end());
  std::vector<StoredReceipt> receipts;
  for (const auto& file : files) receipts.push_back({file, read_receipt(file)});
  return receipts;
}

}  // namespace weft::worker
