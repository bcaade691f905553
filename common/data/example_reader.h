// From a row of a data file to an example, as the task wants it. Internal to this library.
#pragma once
#include <string>
#include <vector>

#include "common/data/data_config.h"
#include "common/data/dataset.h"

namespace weft::data {

struct Row;

struct WantedColumn {
  std::string name;         // in the file
  std::string key;          // of a run file, which says the name: "data.text"
  bool structured = false;  // jsonl: may be an array or an object, delivered as JSON text
};

enum class Outcome { kept, empty, too_long, unmapped };  // why a row gives no example

class ExampleReader {
 public:
  explicit ExampleReader(const DataConfig& config);
  // The columns that a row must deliver, in this order.
  const std::vector<WantedColumn>& columns() const { return columns_; }
  // Fills a fresh example. ConfigError at the row's line when a cell is malformed, or not mapped and unmapped is no
  // reason to drop it.
  Outcome read(const Row& row, const std::string& origin, Example& example) const;

 private:
  // A cell where it is, for errors.
  struct Cell {
    std::string_view text;
    const Row& row;
    const std::string& origin;
    const std::string& column;
    [[noreturn]] void fail(const std::string& problem) const;
  };
  using Take = Outcome (ExampleReader::*)(const Cell&, Example&) const;

  void add(WantedColumn column, Take take);
  Outcome take_text(const Cell& cell, Example& example) const;
  Outcome take_pair(const Cell& cell, Example& example) const;
  Outcome take_label(const Cell& cell, Example& example) const;
  Outcome take_labels(const Cell& cell, Example& example) const;
  Outcome take_target(const Cell& cell, Example& example) const;
  Outcome take_words(const Cell& cell, Example& example) const;
  Outcome take_tags(const Cell& cell, Example& example) const;
  Outcome take_messages(const Cell& cell, Example& example) const;
  Outcome take_prompt(const Cell& cell, Example& example) const;
  Outcome take_response(const Cell& cell, Example& example) const;
  Outcome take_image(const Cell& cell, Example& example) const;
  Outcome checked_text(std::string& out, const Cell& cell) const;
  Outcome unmapped(const Cell& cell, std::string_view label) const;
  bool too_long(std::size_t characters) const;

  DataConfig config_;
  std::vector<WantedColumn> columns_;
  std::vector<Take> takes_;  // what fills an example from each
};

// Without spaces at its ends.
std::string_view trimmed(std::string_view text);
// A cell as errors show it, in quotes: enough to find it in the file, not a whole text.
std::string shown(std::string_view cell);

}  // namespace weft::data
