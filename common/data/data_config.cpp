// Reading the `data:` block.
#include <algorithm>

#include "common/data/source.h"

namespace weft::data {
namespace {

std::int32_t label_index(const YamlView& view, const std::string& key, const std::string& label,
                         const std::vector<std::string>& labels) {
  const auto at = std::find(labels.begin(), labels.end(), label);
  if (at != labels.end()) return static_cast<std::int32_t>(at - labels.begin());
  std::string known;
  for (const auto& name : labels) known.append(known.empty() ? "" : ", ").append(name);
  view.fail(key, "got the label \"" + label + "\", expected one of task.labels: " + known);
}

std::vector<LabelRule::Range> parse_ranges(const YamlView& ranges, const std::vector<std::string>& labels) {
  std::vector<LabelRule::Range> out;
  for (const auto& label : ranges.keys()) {
    const YamlView view = ranges.child(label);
    if (!view.has("above") && !view.has("below")) ranges.fail(label, "expected {above: A}, {below: B} or both");
    LabelRule::Range range;
    range.label = label_index(ranges, label, label, labels);
    range.above = view.number("above", range.above);
    range.below = view.number("below", range.below);
    if (range.above >= range.below) ranges.fail(label, "above is not less than below, so no value is in the range");
    for (const auto& other : out) {
      if (std::max(range.above, other.above) < std::min(range.below, other.below)) {
        ranges.fail(label, "overlaps the range of \"" + labels[static_cast<std::size_t>(other.label)] + "\"");
      }
    }
    out.push_back(range);
  }
  return out;
}

LabelRule parse_label(const YamlView& label, const std::vector<std::string>& labels) {
  LabelRule rule;
  rule.column = label.text("column", "label");
  rule.drop_unmapped = label.choice("unmapped", {"drop", "error"}, "error") == "drop";
  if (label.has("map") && label.has("ranges")) label.fail("ranges", "given beside map, expected only one of them");
  if (label.has("ranges")) {
    rule.ranges = parse_ranges(label.child("ranges"), labels);
    return rule;
  }
  if (label.has("map")) {
    const YamlView map = label.child("map");
    for (const auto& word : map.keys()) rule.words[word] = label_index(map, word, map.text(word), labels);
    if (rule.words.empty()) label.fail("map", "is empty, expected {word: label, ...}");
    return rule;
  }
  for (const auto& name : labels) rule.words[name] = label_index(label, "", name, labels);
  return rule;
}

void parse_split(const YamlView& data, DataConfig& config) {
  const YamlView view = data.child_or_empty("split");
  const NumberRange part{.min = 0, .max = 1, .exclusive_max = true};
  config.validation = view.number("validation", config.validation, part);
  config.test = view.number("test", config.test, part);
  if (config.validation + config.test >= 1) {
    data.fail("split", "validation and test together leave nothing to train on, expected a sum below 1");
  }
}

}  // namespace

std::vector<std::filesystem::path> files_of(const YamlView& view) {
  if (view.has("files")) return view.paths("files");
  if (auto file = view.path_if_set("file")) return {*file};
  return {};
}

DataConfig parse_data_config(const YamlView& data, const std::vector<std::string>& labels) {
  DataConfig config;
  const std::string format = data.choice("format", {"tsv", "csv", "jsonl"});
  config.format = format == "tsv" ? Format::tsv : format == "csv" ? Format::csv : Format::jsonl;
  if (config.format != Format::jsonl) config.columns = data.texts("columns", std::vector<std::string>{});
  config.text_column = data.text("text", config.text_column);
  config.pair_column = data.text("text_pair", "");
  config.label = parse_label(data.child_or_empty("label"), labels);
  config.max_characters = static_cast<std::size_t>(
      data.integer("max_characters", static_cast<std::int64_t>(config.max_characters), {.min = 0, .max = 1e9}));
  parse_split(data, config);
  config.files = files_of(data);
  return config;
}

}  // namespace weft::data
