// The counts' file.
#include "worker/run_counts.h"

#include <nlohmann/json.hpp>

#include "common/base/file.h"
#include "worker/spool.h"

namespace weft::worker {
namespace {

using Json = nlohmann::ordered_json;

std::filesystem::path file_of(const std::filesystem::path& folder, const std::string& run_id) {
  WEFT_CHECK(valid_run_id(run_id), "run_id comes from a peer and must be checked before it names a file");
  return folder / (run_id + ".counts");
}

}  // namespace

Result<RunCounts> read_counts(const std::filesystem::path& folder, const std::string& run_id) {
  const std::filesystem::path file = file_of(folder, run_id);
  if (!std::filesystem::exists(file)) return RunCounts{};
  const Result<std::string> text = read_text(file);
  if (!text) return text.error();
  const Json json = Json::parse(text.value(), nullptr, false);
  const auto count = [&](const char* key) {
    const bool good = json.is_object() && json.contains(key) && json[key].is_number_unsigned();
    return good ? json[key].get<std::int64_t>() : std::int64_t{-1};
  };
  const RunCounts counts{.trainings = count("trainings"), .scorings = count("scorings")};
  if (counts.trainings < 0 || counts.scorings < 0)
    return Error{
        file.string() +
        ": expected {\"trainings\":N,\"scorings\":N}; it says how much this run may still ask of this site. Put "
        "the right numbers in, or remove the file to begin at zero"};
  return counts;
}

Status write_counts(const std::filesystem::path& folder, const std::string& run_id, const RunCounts& counts) {
  const std::string text = Json{{"trainings", counts.trainings}, {"scorings", counts.scorings}}.dump() + "\n";
  return write_atomic(file_of(folder, run_id), as_bytes(text), 0600);
}

}  // namespace weft::worker
