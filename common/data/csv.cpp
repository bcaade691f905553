// Comma-separated rows. Source: RFC 4180; lines may also end in LF alone.
#include <algorithm>

#include "common/data/rows.h"

namespace weft::data {
namespace {

class CsvReader {
 public:
  CsvReader(const RowSource& source, const RowSink& sink) : source_(source), text_(source.content), sink_(sink) {}

  void read() {
    ColumnPicker picker(source_);
    while (at_ < text_.size()) {
      const std::size_t row_line = line_;
      std::vector<std::string> cells = row();
      const bool blank = cells.size() == 1 && cells[0].empty() && !quoted_;
      if (!blank) picker.take(row_line, cells, sink_);
    }
  }

 private:
  std::vector<std::string> row() {
    std::vector<std::string> cells;
    quoted_ = false;
    while (true) {
      cells.push_back(at_ < text_.size() && text_[at_] == '"' ? quoted_cell() : plain_cell());
      if (at_ >= text_.size() || text_[at_] != ',') break;
      ++at_;
    }
    end_of_line();
    return cells;
  }

  std::string plain_cell() {
    const std::size_t end = std::min(text_.find_first_of(",\"\r\n", at_), text_.size());
    std::string cell(text_.substr(at_, end - at_));
    at_ = end;
    if (at_ < text_.size() && text_[at_] == '"') {
      row_error(source_.origin, line_,
                "a quote within an unquoted cell; put the whole cell in quotes and double this one");
    }
    return cell;
  }

  std::string quoted_cell() {
    const std::size_t first_line = line_;
    quoted_ = true;
    std::string cell;
    for (++at_;; ++at_) {
      const std::size_t quote = text_.find('"', at_);
      if (quote == std::string_view::npos)
        row_error(source_.origin, first_line, "a quoted cell that never ends; close it");
      for (char c : text_.substr(at_, quote - at_)) line_ += c == '\n' ? 1 : 0;
      cell += text_.substr(at_, quote - at_);
      at_ = quote + 1;
      if (at_ >= text_.size() || text_[at_] != '"') break;
      cell += '"';
    }
    const bool ends = at_ >= text_.size() || text_[at_] == ',' || text_[at_] == '\r' || text_[at_] == '\n';
    if (!ends) row_error(source_.origin, line_, "text after a closing quote; double quotes that are part of the cell");
    return cell;
  }

  void end_of_line() {
    while (at_ < text_.size() && text_[at_] == '\r') ++at_;
    if (at_ >= text_.size()) return;
    if (text_[at_] != '\n')
      row_error(source_.origin, line_, "a carriage return within a line; end lines with LF or CRLF");
    ++at_;
    ++line_;
  }

  const RowSource& source_;
  std::string_view text_;
  const RowSink& sink_;
  std::size_t at_ = 0, line_ = 1;
  bool quoted_ = false;
};

}  // namespace

void read_csv(const RowSource& source, const RowSink& sink) { CsvReader(source, sink).read(); }

}  // namespace weft::data
