// From data files to clean examples in three splits, as the `data:` block of a run or site file says (data_config.h).
#pragma once
#include <filesystem>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "common/data/data_config.h"
#include "common/data/dataset.h"
#include "common/data/example_reader.h"
#include "common/data/split.h"

namespace weft::data {

// An example as read; `group` is the site that a column names, empty when nobody divides by one.
struct Record {
  Example example;
  std::string group;
};

// How a column divides records into sites.
struct GroupRule {
  std::string column;
  std::map<std::string, std::string, std::less<>> site_of_value;
  bool drop_others = false;  // else a ConfigError at the first value that names no site
};

// Collects clean records from any number of files: within a site, an exact copy of an earlier example (but for its
// label) is dropped. ConfigError with file and line for a malformed line, an unmapped label or a missing picture.
class Cleaner {
 public:
  explicit Cleaner(const DataConfig& config, GroupRule groups = {});
  void add_file(const std::filesystem::path& file);
  // The same from memory, for formats of one file; `origin` stands for the file in errors.
  void add_text(std::string_view content, const std::string& origin);
  const CleaningReport& report(const std::string& group = {}) { return reports_[group]; }
  std::vector<Record> take() { return std::move(records_); }

 private:
  void add_row(const Row& row, const std::string& origin);
  // The site of the row; empty optional: drop it.
  std::optional<std::string> group_of(const Row& row, const std::string& origin) const;

  DataConfig config_;
  ExampleReader reader_;
  GroupRule groups_;
  std::map<std::string, CleaningReport> reports_;       // by group
  std::set<std::pair<std::string, std::string>> seen_;  // group and hash
  std::vector<Record> records_;
};

// Splits what was read. ConfigError naming the site when nothing is left to train on.
SiteData make_site(const DataConfig& config, const std::string& site, std::vector<Example> examples,
                   const CleaningReport& report);
// All of the above for config.files. ConfigError naming the site when nothing is left to train on.
SiteData load_site(const DataConfig& config, const std::string& site);

}  // namespace weft::data
