// JSON objects, one a line.
#include <algorithm>
#include <nlohmann/json.hpp>

#include "common/base/json_depth.h"
#include "common/data/rows.h"

namespace weft::data {
namespace {

std::string cell_of(const nlohmann::json& object, const std::string& name, const RowSource& source, std::size_t line) {
  const auto at = object.find(name);
  if (at == object.end()) {
    row_error(source.origin, line, "no value for \"" + name + "\"; add it, or correct the name below data");
  }
  if (at->is_null()) return "";
  if (at->is_string()) return at->get<std::string>();
  if (at->is_number() || at->is_boolean()) return at->dump();
  if (std::find(source.json.begin(), source.json.end(), name) != source.json.end()) return at->dump();
  row_error(source.origin, line, "\"" + name + "\" is of type " + at->type_name() + ", expected a string or number");
}

std::string fault_of(std::string_view line) {
  const std::string fault = "not JSON; each line must be one whole object";
  if (line.starts_with('{') || line.starts_with('[')) return fault;
  const bool tabs = line.find('\t') != std::string_view::npos, commas = line.find(',') != std::string_view::npos;
  return fault + (tabs     ? ". It has tabs: if the file is a table, say data.format: tsv"
                  : commas ? ". It has commas: if the file is a table, say data.format: csv"
                           : "");
}

}  // namespace

void read_jsonl(const RowSource& source, const RowSink& sink) {
  Row row;
  std::string_view rest = source.content;
  for (row.line = 1; !rest.empty(); ++row.line) {
    const std::string_view text = next_line(rest);
    if (text.find_first_not_of(" \t\r") == std::string_view::npos) continue;
    const auto object = nlohmann::json::parse(shallow_json(text), nullptr, false);
    if (object.is_discarded()) row_error(source.origin, row.line, fault_of(text));
    if (!object.is_object()) {
      row_error(source.origin, row.line, std::string("got a JSON ") + object.type_name() + ", expected an object");
    }
    row.cells.clear();
    for (const auto& name : source.wanted) row.cells.push_back(cell_of(object, name, source, row.line));
    sink(row);
  }
}

}  // namespace weft::data
