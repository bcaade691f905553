// Files to clean examples.
#include "common/data/source.h"

#include <utility>

#include "common/base/file.h"
#include "common/data/gzip.h"
#include "common/data/image_rows.h"
#include "common/data/rows.h"

namespace weft::data {
namespace {

// A whole file, unpacked if need be.
class Content {
 public:
  explicit Content(const std::filesystem::path& file) : mapped_(MappedFile::open(file)) {
    if (!mapped_) throw ConfigError(mapped_.error().message + "; correct the path below data");
    unpacked_ = gunzip(mapped_->bytes(), file.string());
  }
  ByteSpan bytes() const { return unpacked_ ? as_bytes(*unpacked_) : mapped_.value().bytes(); }

 private:
  Result<MappedFile> mapped_;
  std::optional<std::string> unpacked_;
};

}  // namespace

Cleaner::Cleaner(const DataConfig& config, GroupRule groups)
    : config_(config), reader_(config), groups_(std::move(groups)) {
  const bool divisible = has_columns(config.format) && config.format != Format::conll;
  if (!groups_.column.empty() && !divisible)
    throw ConfigError("data.sites.by: format " + name_of(config.format) +
                      " has no column that could divide it, expected file, iid, dirichlet, shards or sizes");
}

void Cleaner::add_file(const std::filesystem::path& file) {
  const std::string origin = file.string();
  const auto sink = [&](const Row& row) { add_row(row, origin); };
  if (config_.format == Format::image_folder) return read_image_folder(file, sink);
  const Content content(file);
  if (config_.format != Format::idx) return add_text(as_text(content.bytes()), origin);
  const Content labels(idx_labels_of(file));
  read_idx(content.bytes(), labels.bytes(), origin, sink);
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
  Example example;
  switch (reader_.read(row, origin, example)) {
    case Outcome::empty:
      ++report.empty;
      return;
    case Outcome::too_long:
      ++report.too_long;
      return;
    case Outcome::unmapped:
      ++report.unmapped;
      return;
    case Outcome::kept:
      break;
  }
  if (!seen_.emplace(*group, copy_hash(example)).second) {
    ++report.duplicate;
    return;
  }
  ++report.kept;
  records_.push_back({std::move(example), *group});
}

void Cleaner::add_text(std::string_view content, const std::string& origin) {
  const auto sink = [&](const Row& row) { add_row(row, origin); };
  if (config_.format == Format::pixels) return read_pixels(content, config_.pixels, origin, sink);
  RowSource source{content, origin, config_.columns, reader_.columns(), config_.documents};
  if (!groups_.column.empty()) source.wanted.push_back({.name = groups_.column, .key = "data.sites.column"});
  read_rows(config_.format, source, sink);
}

SiteData make_site(const DataConfig& config, const std::string& site, std::vector<Example> examples,
                   const CleaningReport& report) {
  SiteData data{site, split(std::move(examples), config.validation, config.test), report};
  if (data.splits.train.empty()) {
    throw ConfigError("site \"" + site + "\" has no example to train on (" + report.summary() + "); " +
                      (report.read == 0
                           ? "what it is given holds no row: name another file, or divide the data otherwise"
                           : "give it more data, or correct data.label and data.split"));
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
