// Counts for people.
#include "common/data/dataset.h"

#include <algorithm>

namespace weft::data {

CleaningReport& CleaningReport::operator+=(const CleaningReport& other) {
  read += other.read;
  kept += other.kept;
  empty += other.empty;
  duplicate += other.duplicate;
  too_long += other.too_long;
  unmapped += other.unmapped;
  return *this;
}

std::string CleaningReport::summary() const {
  std::string dropped;
  const auto add = [&](std::uint64_t count, const char* what) {
    if (count == 0) return;
    dropped.append(dropped.empty() ? "" : ", ").append(std::to_string(count)).append(" ").append(what);
  };
  add(empty, "empty");
  add(duplicate, "duplicate");
  add(too_long, "too long");
  add(unmapped, "with an unmapped label");
  return "read " + std::to_string(read) + ", kept " + std::to_string(kept) +
         (dropped.empty() ? ", nothing dropped" : ", dropped " + dropped);
}

namespace {

using TextRow = std::vector<std::string>;

// Of "train", say: how often each label occurs.
void add_counts(TextRow& row, const std::vector<Example>& examples, std::size_t labels) {
  std::vector<std::size_t> counts(labels);
  for (const auto& example : examples) ++counts.at(static_cast<std::size_t>(example.label));
  for (std::size_t count : counts) row.push_back(std::to_string(count));
}

std::size_t width_of(std::string_view text) {  // code points, not bytes
  return static_cast<std::size_t>(
      std::count_if(text.begin(), text.end(), [](char c) { return (static_cast<unsigned char>(c) & 0xC0U) != 0x80U; }));
}

std::string render(const std::vector<TextRow>& rows) {
  std::vector<std::size_t> widths(rows.front().size());
  for (const auto& row : rows) {
    for (std::size_t i = 0; i < row.size(); ++i) widths[i] = std::max(widths[i], width_of(row[i]));
  }
  std::string out;
  for (const auto& row : rows) {
    for (std::size_t i = 0; i < row.size(); ++i) {
      const std::string pad(widths[i] - width_of(row[i]), ' ');
      // Names to the left, numbers to the right.
      out += i == 0 ? row[i] + pad : "  " + pad + row[i];
    }
    out += '\n';
  }
  return out;
}

}  // namespace

std::string label_table(const std::vector<SiteData>& sites, const std::vector<std::string>& labels) {
  TextRow header{"site"};
  for (const char* split : {"train", "validation", "test"}) {
    for (const auto& label : labels) header.push_back(std::string(split) + " " + label);
  }
  header.emplace_back("total");
  std::vector<TextRow> rows{header};
  for (const auto& site : sites) {
    TextRow row{site.name};
    add_counts(row, site.splits.train, labels.size());
    add_counts(row, site.splits.validation, labels.size());
    add_counts(row, site.splits.test, labels.size());
    row.push_back(std::to_string(site.splits.train.size() + site.splits.validation.size() + site.splits.test.size()));
    rows.push_back(std::move(row));
  }
  return render(rows);
}

}  // namespace weft::data
