// From data files to clean examples in three splits, as the `data:` block of a run or site file says.
//
//   data:
//     format: tsv                       # tsv, csv or jsonl
//     columns: [id, rating, text]       # for files without a header line
//     text: text
//     text_pair: other                  # optional second segment
//     label: {column: rating, ranges: {negative: {below: -0.2}, positive: {above: 0.2}}, unmapped: drop}
//     max_characters: 100000            # longer texts are dropped
//     split: {validation: 0.1, test: 0.1}
//     file: mine.tsv                    # or files: [a.tsv, b.tsv]; in a run file `sites:` instead, see partition.h
#pragma once
#include <cstdint>
#include <filesystem>
#include <limits>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "common/config/yaml_view.h"
#include "common/data/dataset.h"

namespace weft::data {

enum class Format { tsv, csv, jsonl };
struct Row;

// How a cell of the label column becomes a class index.
struct LabelRule {
  struct Range {
    std::int32_t label = 0;
    double above = -std::numeric_limits<double>::infinity();  // exclusive, as is below
    double below = std::numeric_limits<double>::infinity();
  };
  std::string column;
  std::map<std::string, std::int32_t, std::less<>> words;  // `map`; the label names themselves when neither is given
  std::vector<Range> ranges;
  bool drop_unmapped = false;  // else a ConfigError at the line

  std::optional<std::int32_t> label_of(std::string_view cell) const;
};

struct DataConfig {
  Format format = Format::tsv;
  std::vector<std::string> columns;  // empty: the first line of a tsv or csv file names them
  std::string text_column = "text";
  std::string pair_column;  // empty: one text
  LabelRule label;
  std::size_t max_characters = 100'000;      // Unicode characters, text and pair each; 0: no limit
  double validation = 0.1, test = 0.1;       // parts of all examples
  std::vector<std::filesystem::path> files;  // of a site; empty when the run file's `sites:` names them
};

// Reads the block; `labels` are the task's. The block's `sites:` is left to SitesConfig. ConfigError on nonsense.
DataConfig parse_data_config(const YamlView& data, const std::vector<std::string>& labels);

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

// Collects clean records from any number of files: within a site, an exact copy of an earlier text (and pair) is
// dropped. ConfigError with file and line for a malformed line or an unmapped label.
class Cleaner {
 public:
  explicit Cleaner(const DataConfig& config, GroupRule groups = {}) : config_(config), groups_(std::move(groups)) {}
  void add_file(const std::filesystem::path& file);
  // The same from memory; `origin` stands for the file in errors.
  void add_text(std::string_view content, const std::string& origin);
  const CleaningReport& report(const std::string& group = {}) { return reports_[group]; }
  std::vector<Record> take() { return std::move(records_); }

 private:
  void add_row(const Row& row, const std::string& origin);
  bool too_long(std::string_view text) const;
  // The site of the row; empty optional: drop it.
  std::optional<std::string> group_of(const Row& row, const std::string& origin) const;

  DataConfig config_;
  GroupRule groups_;
  std::map<std::string, CleaningReport> reports_;       // by group
  std::set<std::pair<std::string, std::string>> seen_;  // group and hash
  std::vector<Record> records_;
};

// Which split an example is in depends on its text and pair alone: it never moves when others come or go, and copies
// of a text at two sites are in the same split. The label is left out, so a corrected label does not move it either.
enum class Split { train, validation, test };
Split split_of(const Example& example, double validation, double test);
Splits split(std::vector<Example> examples, double validation, double test);

// Splits what was read. ConfigError naming the site when nothing is left to train on.
SiteData make_site(const DataConfig& config, const std::string& site, std::vector<Example> examples,
                   const CleaningReport& report);
// `files: [a, b]` or `file: a` of a block; empty when neither is there.
std::vector<std::filesystem::path> files_of(const YamlView& view);

// All of the above for config.files. ConfigError naming the site when nothing is left to train on.
SiteData load_site(const DataConfig& config, const std::string& site);

}  // namespace weft::data
