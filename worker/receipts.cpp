// The folder of receipts.
#include "worker/receipts.h"

#include "common/base/digest.h"
#include "common/base/file.h"
#include "worker/spool.h"

namespace weft::worker {
namespace {

constexpr const char* kFolder = "receipts";

Result<wire::Receipt> read_receipt(const std::filesystem::path& file, Disk& disk) {
  const Result<MappedFile> content = disk.read(file);
  return content ? wire::receipt_from_json(as_text(content.value().bytes())) : content.error();
}

}  // namespace

Status keep_receipt(const std::filesystem::path& folder, const wire::Receipt& receipt, Disk& disk) {
  WEFT_CHECK(valid_run_id(receipt.run_id), "run_id comes from a peer and must be checked before it names a file");
  const std::string statement = sha256_hex(as_bytes(wire::receipt_statement(receipt))).substr(0, 16);
  const std::filesystem::path file =
      folder / kFolder / (receipt.run_id + "-" + std::to_string(receipt.round) + "-" + statement + ".json");
  if (disk.exists(file)) {  // whoever wrote it may not have come to make it durable
    if (Status synced = disk.sync(file); !synced) return synced;
    return disk.sync(file.parent_path());
  }
  disk.make_folder(file.parent_path());
  return disk.write_atomic(file, as_bytes(wire::to_json(receipt)), 0600);
}

std::vector<StoredReceipt> receipts_of(const std::filesystem::path& folder, const std::string& run_id, Disk& disk) {
  std::vector<StoredReceipt> receipts;
  for (const std::filesystem::path& file : disk.list(folder / kFolder))
    if (file.extension() == ".json" && file.filename().string().starts_with(run_id + "-"))
      receipts.push_back({file, read_receipt(file, disk)});
  return receipts;
}

}  // namespace weft::worker
