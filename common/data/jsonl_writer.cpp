// One JSON object a line, the splits one after the other: reading splits by hash again and keeps the order in each.
#include "common/data/jsonl_writer.h"

#include <nlohmann/json.hpp>

#include "common/base/file.h"
#include "common/data/cells.h"

namespace weft::data {
namespace {

using Json = nlohmann::ordered_json;

std::vector<std::string> names_of(const std::vector<std::int32_t>& indices, const TaskConfig& task) {
  std::vector<std::string> names;
  for (const std::int32_t index : indices) names.push_back(task.labels.at(static_cast<std::size_t>(index)));
  return names;
}

Json label_of(const Example& example, const TaskConfig& task) {
  if (task.problem == Problem::regression) return example.target;
  if (task.problem == Problem::multi_label) return names_of(example.labels, task);
  return task.labels.at(static_cast<std::size_t>(example.label));
}

Json messages_of(const Example& example) {
  Json out = Json::array();
  for (const auto& message : example.messages) out.push_back({{"role", message.role}, {"content", message.content}});
  return out;
}

Json image_of(const ImageRef& image) {
  if (image.path.empty()) return Json::parse(grey_image_json(image));
  return std::filesystem::absolute(image.path).string();
}

Json line_of(const Example& example, const TaskConfig& task) {
  Json line;
  if (!example.image.digest.empty()) line["image"] = image_of(example.image);
  if (!example.text.empty()) line["text"] = example.text;
  if (!example.text_pair.empty()) line["text_pair"] = example.text_pair;
  if (task.kind == TaskKind::token_classification) {
    line["words"] = example.words;
    line["tags"] = names_of(example.tags, task);
  } else if (task.has_conversations()) {
    line["messages"] = messages_of(example);
  } else if (task.has_one_label() || task.problem != Problem::single_label) {
    line["label"] = label_of(example, task);
  }
  return line;
}

std::string exact(double value) { return nlohmann::json(value).dump(); }  // shortest text that reads back the same

}  // namespace

void write_jsonl(const std::filesystem::path& path, const Splits& splits, const TaskConfig& task) {
  std::string out;
  for (const auto* examples : {&splits.train, &splits.validation, &splits.test})
    for (const auto& example : *examples) out.append(line_of(example, task).dump()).append("\n");
  (void)write_atomic(path, as_bytes(out)).value();
}

std::string jsonl_data_block(const DataConfig& config, const std::filesystem::path& path) {
  std::string out = "  format: jsonl\n";
  // Columns have the names that are theirs by default.
  if (!config.pair_column.empty()) out += "  text_pair: text_pair\n";
  out += "  max_characters: " + std::to_string(config.max_characters) + "\n";
  out += "  split: {validation: " + exact(config.validation) + ", test: " + exact(config.test) + "}\n";
  // A JSON string is a YAML string.
  out += "  file: " + nlohmann::json(std::filesystem::absolute(path).string()).dump() + "\n";
  return out;
}

}  // namespace weft::data
