// The rows of a text file, each with its line number. Internal to this library.
//   tsv    tab between cells, no quoting, LF or CRLF
//   csv    RFC 4180: "quoted" cells may hold commas, doubled quotes and line breaks
//   jsonl  one object a line; a cell is a string, number, boolean or null, which is an empty one
//   conll  cells between tabs or spaces, a row for each run of lines up to an empty one: a cell is the JSON array of
//   the
//          column's cells. Without names the first column and the last are wanted. "-DOCSTART-" lines are skipped
//   text   a row of one cell for each paragraph, line or file
// All: UTF-8, a byte order mark is skipped, empty lines are skipped. ConfigError names file, line and remedy.
#pragma once
#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "common/data/data_config.h"
#include "common/data/dataset.h"
#include "common/data/example_reader.h"

namespace weft::data {

struct Row {
  std::size_t line = 0;            // 1-based, of its first character
  std::vector<std::string> cells;  // in the order of `wanted`
  ImageRef image;                  // of formats that hold pictures, see image_rows.h
};
using RowSink = std::function<void(const Row&)>;

struct RowSource {
  std::string_view content;
  std::string origin;                           // for errors
  std::vector<std::string> columns;             // tsv and csv; empty: the first line names them
  std::vector<WantedColumn> wanted;             // columns to deliver
  Documents documents = Documents::paragraphs;  // text
};

void read_rows(Format format, const RowSource& source, const RowSink& sink);

void read_tsv(const RowSource& source, const RowSink& sink);
void read_csv(const RowSource& source, const RowSink& sink);
void read_jsonl(const RowSource& source, const RowSink& sink);
void read_conll(const RowSource& source, const RowSink& sink);
void read_plain_text(const RowSource& source, const RowSink& sink);

// The next line of `rest`, without its end, which it is then rid of.
std::string_view next_line(std::string_view& rest);

[[noreturn]] void row_error(const std::string& origin, std::size_t line, const std::string& problem);

// Finds the wanted columns among those a tsv or csv file has, and checks each row's width.
class ColumnPicker {
 public:
  explicit ColumnPicker(const RowSource& source);
  // Takes the header if one is due, else delivers the row.
  void take(std::size_t line, const std::vector<std::string>& cells, const RowSink& sink);

 private:
  void set_columns(const std::vector<std::string>& columns, std::size_t line);
  const RowSource& source_;
  std::vector<std::string> columns_;
  std::vector<std::size_t> picks_;
  Row row_;
};

}  // namespace weft::data
