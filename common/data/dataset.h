// Examples as every task sees them before tokenisation, and the three splits of a site.
#pragma once
#include <cstdint>
#include <string>
#include <vector>

namespace weft::data {

struct Example {
  std::string text;
  std::string text_pair;   // second segment; empty when the task has one text
  std::int32_t label = 0;  // index into the task's labels
  bool operator==(const Example&) const = default;
};

struct Splits {
  std::vector<Example> train, validation, test;
  bool operator==(const Splits&) const = default;
};

// What cleaning dropped, for people: printed at load and recorded.
struct CleaningReport {
  std::uint64_t read = 0, kept = 0, empty = 0, duplicate = 0, too_long = 0, unmapped = 0;

  CleaningReport& operator+=(const CleaningReport& other);
  // "read 4200, kept 3840 (dropped: 3 empty, 1 duplicate, 356 unmapped label)".
  std::string summary() const;
};

// One site's data, ready for tokenisation.
struct SiteData {
  std::string name;
  Splits splits;
  CleaningReport report;
};

// A table for people: a line per site, and per split the count of each label.
std::string label_table(const std::vector<SiteData>& sites, const std::vector<std::string>& labels);

}  // namespace weft::data
