// JSON objects, one a line.
#include <nlohmann/json.hpp>

#include "common/base/joined.h"
#include "common/base/json_depth.h"
#include "common/data/rows.h"

namespace weft::data {
namespace {

std::string keys_of(const nlohmann::json& object) {
  std::vector<std::string> keys;
  for (const auto& [key, value] : object.items()) keys.push_back(shown(key));
  return keys.empty() ? "none" : joined(keys);
}

std::string cell_of(const nlohmann::json& object, const WantedColumn& wanted, const std::string& origin,
                    std::size_t line) {
  const std::string& name = wanted.name;
  const auto at = object.find(name);
  if (at == object.end()) {
    row_error(origin, line,
              "no value for \"" + name + "\", the keys are: " + keys_of(object) + "; say in " + wanted.key +
                  " which is meant, or add the value");
  }
  if (at->is_null()) return "";
  if (at->is_string()) return at->get<std::string>();
  if (at->is_number() || at->is_boolean()) return at->dump();
  if (wanted.structured) return at->dump();
  row_error(origin, line, "\"" + name + "\" is of type " + at->type_name() + ", expected a string or number");
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
    for (const WantedColumn& wanted : source.wanted)
      row.cells.push_back(cell_of(object, wanted, source.origin, row.line));
    sink(row);
  }
}

}  // namespace weft::data
