// What the three formats share: encoding, columns, errors.
#include "common/data/rows.h"

#include <algorithm>
#include <array>
#include <cstdio>

#include "common/base/joined.h"
#include "common/text/utf8.h"

namespace weft::data {
namespace {

void check_utf8(const RowSource& source) {
  const std::size_t bad = text::find_invalid_utf8(source.content);
  if (bad == std::string_view::npos) return;
  const auto before = source.content.substr(0, bad);
  const auto line = static_cast<std::size_t>(std::count(before.begin(), before.end(), '\n')) + 1;
  std::array<char, 8> hex{};
  std::snprintf(hex.data(), hex.size(), "0x%02x",
                static_cast<unsigned>(static_cast<unsigned char>(source.content[bad])));
  row_error(source.origin, line,
            "byte " + std::string(hex.data()) +
                " is not UTF-8; convert the file, as in: iconv -f latin1 -t utf-8 FILE > NEW");
}

}  // namespace

void row_error(const std::string& origin, std::size_t line, const std::string& problem) {
  throw ConfigError(origin + ":" + std::to_string(line) + ": " + problem);
}

std::string_view next_line(std::string_view& rest) {
  const std::size_t end = rest.find('\n');
  std::string_view line = rest.substr(0, end);
  rest = end == std::string_view::npos ? std::string_view{} : rest.substr(end + 1);
  while (!line.empty() && line.back() == '\r') line.remove_suffix(1);
  return line;
}

ColumnPicker::ColumnPicker(const RowSource& source) : source_(source) {
  if (!source.columns.empty()) set_columns(source.columns, 1);
}

void ColumnPicker::set_columns(const std::vector<std::string>& columns, std::size_t line) {
  columns_ = columns;
  row_.cells.resize(source_.wanted.size());
  for (const auto& [name, key, structured] : source_.wanted) {
    const auto at = std::find(columns_.begin(), columns_.end(), name);
    if (at == columns_.end()) {
      std::string problem = "no column \"";
      problem.append(name).append("\", the columns are: ").append(joined(columns_)).append("; say in ").append(key);
      problem.append(" which is meant");
      problem.append(source_.columns.empty() ? ", or, if the first line is no header, name the columns in data.columns"
                                             : ", or correct data.columns");
      row_error(source_.origin, line, problem);
    }
    if (std::find(std::next(at), columns_.end(), name) != columns_.end()) {
      row_error(source_.origin, line, "column \"" + name + "\" is there twice; rename one");
    }
    picks_.push_back(static_cast<std::size_t>(at - columns_.begin()));
  }
}

void ColumnPicker::take(std::size_t line, const std::vector<std::string>& cells, const RowSink& sink) {
  if (columns_.empty()) return set_columns(cells, line);
  if (cells.size() != columns_.size()) {
    row_error(source_.origin, line,
              "got " + std::to_string(cells.size()) + " columns, expected " + std::to_string(columns_.size()) + " (" +
                  joined(columns_) + "); correct the line");
  }
  row_.line = line;
  for (std::size_t i = 0; i < picks_.size(); ++i) row_.cells[i] = cells[picks_[i]];
  sink(row_);
}

void read_rows(Format format, const RowSource& given, const RowSink& sink) {
  RowSource source = given;
  if (source.content.substr(0, 3) == "\xEF\xBB\xBF") source.content.remove_prefix(3);
  check_utf8(source);
  switch (format) {
    case Format::tsv:
      return read_tsv(source, sink);
    case Format::csv:
      return read_csv(source, sink);
    case Format::jsonl:
      return read_jsonl(source, sink);
    case Format::conll:
      return read_conll(source, sink);
    case Format::text:
      return read_plain_text(source, sink);
    default:
      WEFT_CHECK(false, "a format whose rows are pictures");
  }
}

}  // namespace weft::data
