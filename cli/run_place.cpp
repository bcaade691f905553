// Comparing a run file with the one that a run was begun with.
#include "cli/run_place.h"

#include <map>

#include "coordinator/run_store.h"

namespace weft::cli {
namespace {

// Canonical YAML has one value or list item a line, two blanks a level.
std::map<std::string, std::string> values_of(const std::string& yaml) {
  std::map<std::string, std::string> values;
  std::vector<std::string> path;  // key or number of each level
  std::map<std::string, int> items;
  std::size_t at = 0;
  while (at < yaml.size()) {
    const std::size_t end = std::min(yaml.find('\n', at), yaml.size());
    const std::string line = yaml.substr(at, end - at);
    at = end + 1;
    const std::size_t indent = std::min(line.find_first_not_of(' '), line.size());
    path.resize(std::min(path.size(), indent / 2));
    std::string parent;
    for (const std::string& key : path) parent += key + ".";
    const bool item = line.compare(indent, 1, "-") == 0;
    const std::size_t colon = item ? indent : line.find(':', line[indent] == '"' ? line.find('"', indent + 1) : indent);
    const std::string key = item ? std::to_string(++items[parent]) : line.substr(indent, colon - indent);
    const std::size_t value = std::min(line.find_first_not_of(' ', colon + 1), line.size());
    if (value < line.size()) values[parent + key] = line.substr(value);
    path.push_back(key);
  }
  return values;
}

}  // namespace

std::vector<std::string> differences(const std::string& there, const std::string& now) {
  const std::map<std::string, std::string> old = values_of(there), fresh = values_of(now);
  const auto shown = [](const std::map<std::string, std::string>& values, const std::string& key) {
    const auto found = values.find(key);
    return found == values.end() ? "nothing" : found->second;
  };
  std::map<std::string, std::string> all = old;
  all.insert(fresh.begin(), fresh.end());
  std::vector<std::string> different;
  for (const auto& [key, value] : all)
    if (shown(old, key) != shown(fresh, key))
      different.push_back(key + ": " + shown(old, key) + " there, " + shown(fresh, key) + " now");
  return different;
}

std::filesystem::path private_folder_of(const std::filesystem::path& run_folder) { return run_folder / "processes"; }

void check_same_settings(const RunFile& run, const std::filesystem::path& folder) {
  const std::filesystem::path file = folder / "config.yaml";
  if (!std::filesystem::exists(file)) return;  // it died before that was written; the ledger knows the digest
  const std::vector<std::string> different = differences(RunFile::load(file, {}).lasting_text, run.lasting_text);
  if (different.empty()) return;
  std::string text;
  for (const std::string& one : different) text += (text.empty() ? "" : "; ") + one;
  throw ConfigError(file.string() + ": the run there was begun with other settings: " + text +
                    "; resume with those it was begun with, or choose another folder");
}

void check_place(const RunFile& run, const RunPlace& place) {
  coordinator::check_run_folder(place.folder, place.resume);
  if (place.resume) check_same_settings(run, place.folder);
}

}  // namespace weft::cli
