// The counts' file.
#include "worker/run_counts.h"

#include <nlohmann/json.hpp>

#include "common/base/digest.h"

namespace weft::worker {

using Json = nlohmann::ordered_json;

// A peer chose the names: only their digest may name a file.
std::filesystem::path counts_file(const std::filesystem::path& folder, const Asker& asker) {
  const std::string both = asker.coordinator + "\n" + asker.run;
  return folder / (sha256_hex(as_bytes(both)).substr(0, 32) + ".counts");
}

Result<RunCounts> read_counts(const std::filesystem::path& folder, const Asker& asker, Disk& disk) {
  const std::filesystem::path file = counts_file(folder, asker);
  if (!disk.exists(file)) return RunCounts{};
  const Result<MappedFile> content = disk.read(file);
  if (!content) return content.error();
  const Json json = Json::parse(as_text(content.value().bytes()), nullptr, false);
  const auto count = [&](const char* key) {
    const bool good = json.is_object() && json.contains(key) && json[key].is_number_unsigned();
    return good ? json[key].get<std::int64_t>() : std::int64_t{-1};
  };
  const RunCounts counts{.trainings = count("trainings"), .scorings = count("scorings")};
  if (counts.trainings < 0 || counts.scorings < 0)
    return Error{file.string() + ": expected {\"trainings\":N,\"scorings\":N}; it says how much run \"" + asker.run +
                 "\" has asked of this site. Put the right numbers in, or remove the file to begin at zero"};
  return counts;
}

Status write_counts(const std::filesystem::path& folder, const Asker& asker, const RunCounts& counts, Disk& disk) {
  const Json json{{"coordinator", asker.coordinator},
                  {"run", asker.run},
                  {"trainings", counts.trainings},
                  {"scorings", counts.scorings}};
  const std::string text = json.dump(-1, ' ', false, Json::error_handler_t::replace) + "\n";
  return disk.write_atomic(counts_file(folder, asker), as_bytes(text), 0600);
}

}  // namespace weft::worker
