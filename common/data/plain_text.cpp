// Plain text as documents.
#include "common/data/rows.h"

namespace weft::data {

void read_plain_text(const RowSource& source, const RowSink& sink) {
  Row document{.line = 1, .cells = {""}};
  std::string& text = document.cells[0];
  const auto end = [&] {
    if (!text.empty()) sink(document);
    text.clear();
  };
  std::string_view rest = source.content;
  for (std::size_t number = 1; !rest.empty(); ++number) {
    const std::string_view line = next_line(rest);
    const bool blank = line.find_first_not_of(" \t") == std::string_view::npos;
    if (blank && source.documents != Documents::file) {
      end();
      continue;
    }
    if (text.empty() && blank) continue;
    if (text.empty()) document.line = number;
    text.append(text.empty() ? "" : "\n").append(line);
    if (source.documents == Documents::lines) end();
  }
  end();
}

}  // namespace weft::data
