// A foreign file as a run's ledger: it is refused, or all that is said of it can be said. Ledgers are read by people
// who did not write them (weft ledger), so nothing in one may be believed.
#include <filesystem>

#include "common/base/file.h"
#include "coordinator/ledger_check.h"
#include "coordinator/ledger_report.h"
#include "coordinator/run_folder.h"
#include "tests/fuzz/base_memory_folder.h"

namespace {

using namespace weft;

const std::filesystem::path& folder() {
  static const MemoryFolder made("weft_ledger_fuzz_");
  return made.path;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::filesystem::path file = coordinator::RunFolder(folder()).ledger();
  {
    std::FILE* const out = std::fopen(file.c_str(), "wb");
    if (out == nullptr || (size > 0 && std::fwrite(data, 1, size, out) != size) || std::fclose(out) != 0) std::abort();
  }
  try {
    const coordinator::Ledger ledger = coordinator::Ledger::open_to_read(file);
    const coordinator::CheckResult result = coordinator::check_ledger(ledger, {.folder = folder()});
    if (result.signatures > result.records) std::abort();
    coordinator::check_text(result);
    coordinator::ledger_text(ledger);
    coordinator::write_ledger_json(ledger, [](const std::string&) {});
  } catch (const ConfigError&) {
  } catch (const Failure&) {
  }
  return 0;
}
