// Tab-separated lines. Quotes are ordinary characters.
#include "common/data/rows.h"

namespace weft::data {

void read_tsv(const RowSource& source, const RowSink& sink) {
  ColumnPicker picker(source);
  std::vector<std::string> cells;
  std::string_view rest = source.content;
  for (std::size_t line = 1; !rest.empty(); ++line) {
    const std::size_t end = rest.find('\n');
    std::string_view text = rest.substr(0, end);
    rest = end == std::string_view::npos ? std::string_view{} : rest.substr(end + 1);
    while (!text.empty() && text.back() == '\r') text.remove_suffix(1);
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
