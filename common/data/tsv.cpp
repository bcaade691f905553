// Tab-separated lines. Quotes are ordinary characters.
#include "common/data/rows.h"

namespace weft::data {

void read_tsv(const RowSource& source, const RowSink& sink) {
  ColumnPicker picker(source);
  std::vector<std::string> cells;
  std::string_view rest = source.content;
  for (std::size_t line = 1; !rest.empty(); ++line) {
    std::string_view text = next_line(rest);
    if (text.empty()) continue;
    cells.clear();
    for (std::size_t tab = 0; tab != std::string_view::npos;) {
      tab = text.find('\t');
      cells.emplace_back(text.substr(0, tab));
      if (tab != std::string_view::npos) text.remove_prefix(tab + 1);
    }
    picker.take(line, cells, sink);
  }
}

}  // namespace weft::data
