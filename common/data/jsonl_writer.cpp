// One JSON object a line, the splits one after the other: reading splits by hash again and keeps the order in each.
#include "common/data/jsonl_writer.h"

#include <cstdio>
#include <nlohmann/json.hpp>

#include "common/base/file.h"

namespace weft::data {
namespace {

void append_lines(std::string& out, const std::vector<Example>& examples, const std::vector<std::string>& labels) {
  for (const auto& example : examples) {
    nlohmann::ordered_json line;
    line["text"] = example.text;
    if (!example.text_pair.empty()) line["text_pair"] = example.text_pair;
    line["label"] = labels.at(static_cast<std::size_t>(example.label));
    out += line.dump();
    out += '\n';
  }
}

std::string exact(double value) { return nlohmann::json(value).dump(); }  // shortest text that reads back the same

}  // namespace

void write_jsonl(const std::filesystem::path& path, const Splits& splits, const std::vector<std::string>& labels) {
  std::string out;
  append_lines(out, splits.train, labels);
  append_lines(out, splits.validation, labels);
  append_lines(out, splits.test, labels);
  (void)write_atomic(path, as_bytes(out)).value();
}

std::string jsonl_data_block(const DataConfig& config, const std::filesystem::path& path) {
  std::string out = "  format: jsonl\n  text: text\n";
  if (!config.pair_column.empty()) out += "  text_pair: text_pair\n";
  out += "  label: {column: label}\n";
  out += "  max_characters: " + std::to_string(config.max_characters) + "\n";
  out += "  split: {validation: " + exact(config.validation) + ", test: " + exact(config.test) + "}\n";
  // A JSON string is a YAML string.
  out += "  file: " + nlohmann::json(std::filesystem::absolute(path).string()).dump() + "\n";
  return out;
}

}  // namespace weft::data
