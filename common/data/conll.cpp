// Words and their tags a line, sentences apart by empty lines, as in the shared tasks of CoNLL.
#include <nlohmann/json.hpp>

#include "common/data/rows.h"

namespace weft::data {
namespace {

std::vector<std::string> cells_of(std::string_view line) {
  std::vector<std::string> cells;
  while (true) {
    const std::size_t begin = line.find_first_not_of(" \t");
    if (begin == std::string_view::npos) return cells;
    line.remove_prefix(begin);
    const std::size_t end = std::min(line.find_first_of(" \t"), line.size());
    cells.emplace_back(line.substr(0, end));
    line.remove_prefix(end);
  }
}

// Gathers the wanted columns of a sentence.
class Sentence {
 public:
  Sentence(const RowSource& source, const RowSink& sink)
      : source_(source), sink_(sink), columns_(source.wanted.size()) {
    if (!source.columns.empty()) return;
    if (source.wanted.size() > 2)
      row_error(
          source.origin, 1,
          "the columns have no names, so none is \"" + source.wanted.back().name + "\"; name them with data.columns");
  }

  void add(std::size_t line, const std::vector<std::string>& cells) {
    if (count_++ == 0) line_ = line;
    if (!source_.columns.empty()) return picker_.take(line, cells, [&](const Row& row) { append(row.cells); });
    if (cells.size() < 2)
      row_error(source_.origin, line, "got one column, expected a word and its tag; separate them by a tab or space");
    append({cells.front(), cells.back()});
  }

  void end() {
    if (count_ == 0) return;
    Row row{.line = line_};
    for (auto& column : columns_) row.cells.push_back(nlohmann::json(std::exchange(column, {})).dump());
    count_ = 0;
    sink_(row);
  }

 private:
  void append(const std::vector<std::string>& cells) {
    for (std::size_t i = 0; i < columns_.size(); ++i) columns_[i].push_back(cells[i]);
  }

  const RowSource& source_;
  const RowSink& sink_;
  ColumnPicker picker_{source_};
  std::vector<std::vector<std::string>> columns_;
  std::size_t count_ = 0, line_ = 0;
};

}  // namespace

void read_conll(const RowSource& source, const RowSink& sink) {
  Sentence sentence(source, sink);
  std::string_view rest = source.content;
  for (std::size_t line = 1; !rest.empty(); ++line) {
    const std::vector<std::string> cells = cells_of(next_line(rest));
    if (cells.empty() || cells[0] == "-DOCSTART-")
      sentence.end();
    else
      sentence.add(line, cells);
  }
  sentence.end();
}

}  // namespace weft::data
