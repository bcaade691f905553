// Files to clean examples, and the split by hash.
#include "common/data/source.h"

#include <charconv>
#include <cmath>

#include "common/base/digest.h"
#include "common/base/file.h"
#include "common/data/rows.h"
#include "common/text/utf8.h"

namespace weft::data {
namespace {

std::string_view trimmed(std::string_view text) {
  const std::size_t begin = text.find_first_not_of(" \t\r\n");
  if (begin == std::string_view::npos) return {};
  return text.substr(begin, text.find_last_not_of(" \t\r\n") - begin + 1);
}

// The length of the text stands before it, so that no other text and pair run together to the same bytes.
std::string example_hash(const Example& example) {
  Sha256 hash;
  hash.update(as_bytes(std::to_string(example.text.size()) + ":"));
  hash.update(as_bytes(example.text)).update(as_bytes(example.text_pair));
  return hash.hex();
}

// A cell as errors show it: enough to find it in the file, not a whole text.
std::string shown(std::string_view cell) {
  static constexpr std::size_t kLongest = 40;
  if (cell.size() <= kLongest) return "\"" + std::string(cell) + "\"";
  std::size_t end = kLongest;
  while ((static_cast<unsigned char>(cell[end]) & 0xC0U) == 0x80U) --end;  // not within a character
  return "\"" + std::string(cell.substr(0, end)) + "...\"";
}

// Spreadsheets write "+0.5", which from_chars does not take.
std::string_view without_plus(std::string_view cell) {
  if (cell.size() > 1 && cell[0] == '+' && cell[1] != '-') cell.remove_prefix(1);
  return cell;
}

}  // namespace

std::optional<std::int32_t> LabelRule::label_of(std::string_view raw) const {
  std::string_view cell = trimmed(raw);
  if (const auto word = words.find(cell); word != words.end()) return word->second;
  if (ranges.empty()) return {};
  cell = without_plus(cell);
  double value = 0;
  const auto [end, error] = std::from_chars(cell.data(), cell.data() + cell.size(), value);
  if (error != std::errc{} || end != cell.data() + cell.size() || !std::isfinite(value)) return {};
  for (const auto& range : ranges) {
    if (value > range.above && value < range.below) return range.label;
  }
  return {};
}

void Cleaner::add_file(const std::filesystem::path& file) {
  const auto mapped = MappedFile::open(file);
  if (!mapped) throw ConfigError(mapped.error().message + "; correct the path below data");
  add_text(as_text(mapped.value().bytes()), file.string());
}

bool Cleaner::too_long(std::string_view text) const {
  return config_.max_characters > 0 && text.size() > config_.max_characters &&
         text::count_utf8(text) > config_.max_characters;
}

std::optional<std::string> Cleaner::group_of(const Row& row, const std::string& origin) const {
  if (groups_.column.empty()) return "";
  const std::string_view value = trimmed(row.cells.back());
  const auto site = groups_.site_of_value.find(value);
  if (site != groups_.site_of_value.end()) return site->second;
  if (groups_.drop_others) return {};
  row_error(origin, row.line,
            shown(value) + " in column \"" + groups_.column +
                "\" names no site of the run; add it to data.sites.names, or set " + "data.sites.others: drop");
}

void Cleaner::add_row(const Row& row, const std::string& origin) {
  const auto group = group_of(row, origin);
  if (!group) return;
  CleaningReport& report = reports_[*group];
  ++report.read;
  const bool has_pair = !config_.pair_column.empty();
  Example example;
  example.text = trimmed(row.cells[0]);
  if (has_pair) example.text_pair = trimmed(row.cells[2]);
  if (example.text.empty() || (has_pair && example.text_pair.empty())) {
    ++report.empty;
    return;
  }
  if (too_long(example.text) || too_long(example.text_pair)) {
    ++report.too_long;
    return;
  }
  const auto label = config_.label.label_of(row.cells[1]);
  if (!label) {
    if (!config_.label.drop_unmapped) {
      row_error(origin, row.line,
                "label " + shown(row.cells[1]) + " in column \"" + config_.label.column +
                    "\" is not mapped; add it to data.label.map or data.label.ranges, or set " +
                    "data.label.unmapped: drop");
    }
    ++report.unmapped;
    return;
  }
  example.label = *label;
  if (!seen_.emplace(*group, example_hash(example)).second) {
    ++report.duplicate;
    return;
  }
  ++report.kept;
  records_.push_back({std::move(example), *group});
}

void Cleaner::add_text(std::string_view content, const std::string& origin) {
  RowSource source{content, origin, config_.columns, {config_.text_column, config_.label.column}};
  if (!config_.pair_column.empty()) source.wanted.push_back(config_.pair_column);
  if (!groups_.column.empty()) source.wanted.push_back(groups_.column);
  read_rows(config_.format, source, [&](const Row& row) { add_row(row, origin); });
}

Split split_of(const Example& example, double validation, double test) {
  // The first 13 hexadecimal digits are 52 bits, which a double holds exactly.
  const std::string digits = example_hash(example).substr(0, 13);
  std::uint64_t bits = 0;
  std::from_chars(digits.data(), digits.data() + digits.size(), bits, 16);
  const double place = static_cast<double>(bits) / 0x1p52;
  if (place < validation) return Split::validation;
  return place < validation + test ? Split::test : Split::train;
}

Splits split(std::vector<Example> examples, double validation, double test) {
  Splits out;
  for (auto& example : examples) {
    switch (split_of(example, validation, test)) {
      case Split::train:
        out.train.push_back(std::move(example));
        break;
      case Split::validation:
        out.validation.push_back(std::move(example));
        break;
      case Split::test:
        out.test.push_back(std::move(example));
        break;
    }
  }
  return out;
}

SiteData make_site(const DataConfig& config, const std::string& site, std::vector<Example> examples,
                   const CleaningReport& report) {
  SiteData data{site, split(std::move(examples), config.validation, config.test), report};
  if (data.splits.train.empty()) {
    throw ConfigError("site \"" + site + "\" has no example to train on (" + report.summary() +
                      "); give it more data or correct data.label and data.split");
  }
  return data;
}

SiteData load_site(const DataConfig& config, const std::string& site) {
  if (config.files.empty())
    throw ConfigError("site \"" + site + "\": data.file or data.files is missing; name its data");
  Cleaner cleaner(config);
  for (const auto& file : config.files) cleaner.add_file(file);
  std::vector<Example> examples;
  for (auto& record : cleaner.take()) examples.push_back(std::move(record.example));
  return make_site(config, site, std::move(examples), cleaner.report());
}

}  // namespace weft::data
