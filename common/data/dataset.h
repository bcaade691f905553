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
};

struct Splits {
  std::vector<Example> train, validation, test;
};

// What cleaning dropped, for people: printed at load and recorded.
struct CleaningReport {
  std::uint64_t read = 0, kept = 0, empty = 0, duplicate = 0, too_long = 0, unmapped = 0;
};

}  // namespace weft::data
