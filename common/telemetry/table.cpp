// Laying out tables.
#include "common/telemetry/table.h"

#include <algorithm>
#include <cstdio>

#include "common/base/result.h"

namespace weft::telemetry {
namespace {

constexpr const char* kGap = "  ";

bool looks_numeric(const std::string& cell) {
  return cell.empty() || cell == "-" || cell.find_first_not_of("0123456789.,+-%xe kMGTiBs/") == std::string::npos;
}

std::string padded(const std::string& text, std::size_t width, bool right) {
  const std::string space(width - std::min(width, shown_width(text)), ' ');
  return right ? space + text : text + space;
}

}  // namespace

Table::Table(std::vector<std::string> header) : header_(std::move(header)) {}

void Table::add_row(std::vector<std::string> cells) {
  WEFT_CHECK(cells.size() == header_.size(), "a row has " + std::to_string(cells.size()) + " cells, the table " +
                                                 std::to_string(header_.size()) + " columns");
  rows_.push_back({std::move(cells), std::vector<bool>(header_.size()), rule_next_});
  rule_next_ = false;
}

void Table::add_rule() { rule_next_ = true; }

void Table::highlight(std::size_t row, std::size_t column) {
  WEFT_CHECK(row < rows_.size() && column < header_.size(), "no such cell");
  rows_[row].bold[column] = true;
}

std::vector<std::size_t> Table::widths() const {
  std::vector<std::size_t> result;
  for (std::size_t column = 0; column < header_.size(); ++column) {
    std::size_t width = shown_width(header_[column]);
    for (const Row& row : rows_) width = std::max(width, shown_width(row.cells[column]));
    result.push_back(width);
  }
  return result;
}

bool Table::numeric(std::size_t column) const {
  return !rows_.empty() &&
         std::all_of(rows_.begin(), rows_.end(), [&](const Row& row) { return looks_numeric(row.cells[column]); });
}

std::string Table::text(Style style) const {
  const std::vector<std::size_t> width = widths();
  std::size_t total = 0;
  for (const std::size_t each : width) total += each + std::string_view(kGap).size();
  const std::string rule = std::string(total - std::string_view(kGap).size(), '-') + "\n";
  const auto line = [&](const std::vector<std::string>& cells, const std::vector<bool>& bold) {
    std::string out;
    for (std::size_t i = 0; i < cells.size(); ++i) {
      const std::string cell = padded(cells[i], width[i], numeric(i));
      out += i == 0 ? "" : kGap;
      out += bold[i] && style == Style::terminal ? "\033[1m" + cell + "\033[0m" : cell;
    }
    while (out.ends_with(' ')) out.pop_back();
    return out + "\n";
  };
  std::string out = line(header_, std::vector<bool>(header_.size(), true)) + rule;
  for (const Row& row : rows_) out += (row.rule_before ? rule : "") + line(row.cells, row.bold);
  return out;
}

std::size_t shown_width(const std::string& text) {
  return static_cast<std::size_t>(
      std::count_if(text.begin(), text.end(), [](char c) { return (static_cast<unsigned char>(c) & 0xc0) != 0x80; }));
}

std::string fixed(double value, int digits) {
  char text[64];
  std::snprintf(text, sizeof text, "%.*f", digits, value);
  return text;
}

std::string percent(double part, int digits) { return fixed(part * 100, digits) + " %"; }

}  // namespace weft::telemetry
