// Aligned text tables for people. Columns of numbers are right-aligned, all others left-aligned.
#pragma once
#include <cstddef>
#include <string>
#include <vector>

namespace weft::telemetry {

class Table {
 public:
  explicit Table(std::vector<std::string> header);
  // WEFT_CHECKs that there are as many cells as columns.
  void add_row(std::vector<std::string> cells);
  // A line across, before the next row.
  void add_rule();
  // Drawn bold where the text goes to a terminal. Row and column of the cells added so far.
  void highlight(std::size_t row, std::size_t column);
  enum class Style { plain, terminal };
  std::string text(Style style = Style::plain) const;  // ends with a new line

 private:
  struct Row {
    std::vector<std::string> cells;
    std::vector<bool> bold;
    bool rule_before = false;
  };
  std::vector<std::size_t> widths() const;
  bool numeric(std::size_t column) const;
  std::vector<std::string> header_;
  std::vector<Row> rows_;
  bool rule_next_ = false;
};

// Characters that a terminal shows for UTF-8 text (one for each code point; wide ones are not told apart).
std::size_t shown_width(const std::string& text);
std::string fixed(double value, int digits);       // "0.832"
std::string percent(double part, int digits = 1);  // 0.832 -> "83.2 %"

}  // namespace weft::telemetry
