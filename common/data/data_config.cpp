// Reading the `data:` block.
#include "common/data/data_config.h"

#include <algorithm>
#include <array>

#include "common/base/joined.h"
#include "common/data/image_rows.h"

namespace weft::data {
namespace {

std::int32_t label_index(const YamlView& view, const std::string& key, const std::string& label,
                         const std::vector<std::string>& labels) {
  const auto at = std::find(labels.begin(), labels.end(), label);
  if (at != labels.end()) return static_cast<std::int32_t>(at - labels.begin());
  view.fail(key, "got the label \"" + label + "\", expected one of task.labels: " + joined(labels));
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

// From the names in a file to labels: `map`, `ranges`, or the labels themselves.
void parse_mapping(const YamlView& label, DataConfig& config) {
  const std::vector<std::string>& labels = config.task.labels;
  LabelRule& rule = config.label;
  if (label.has("map") && label.has("ranges")) label.fail("ranges", "given beside map, expected only one of them");
  if (config.task.has_one_label() && label.has("ranges")) {
    rule.ranges = parse_ranges(label.child("ranges"), labels);
    return;
  }
  if (label.has("map")) {
    const YamlView map = label.child("map");
    for (const auto& word : map.keys()) rule.words[word] = label_index(map, word, map.text(word), labels);
    if (rule.words.empty()) label.fail("map", "is empty, expected {word: label, ...}");
    return;
  }
  for (std::size_t i = 0; i < labels.size(); ++i) rule.words[labels[i]] = static_cast<std::int32_t>(i);
  if (config.format != Format::idx && config.format != Format::pixels) return;
  for (std::size_t i = 0; i < labels.size(); ++i)
    rule.words.try_emplace(std::to_string(i), static_cast<std::int32_t>(i));
}

void parse_label(const YamlView& data, DataConfig& config) {
  const YamlView label = data.child_or_empty("label");
  config.label.column = "label";
  const bool tags = config.task.kind == TaskKind::token_classification;
  if (has_columns(config.format) && !tags) config.label.column = label.text("column", config.label.column);
  config.label.drop_unmapped = label.choice("unmapped", {"drop", "error"}, "error") == "drop";
  if (config.task.problem == Problem::multi_label) config.label.separator = label.text("separator", ",");
  if (config.label.separator.empty()) label.fail("separator", "is empty, expected what stands between two labels");
  if (config.task.problem != Problem::regression) parse_mapping(label, config);
}

void parse_sequences(const YamlView& data, DataConfig& config) {
  config.text_column = data.text("text", config.text_column);
  config.pair_column = data.text("text_pair", "");
  parse_label(data, config);
}

void parse_words(const YamlView& data, DataConfig& config) {
  config.words_column = data.text("words", config.words_column);
  config.tags_column = data.text("tags", config.tags_column);
  parse_label(data, config);
}

Documents parse_documents(const YamlView& data) {
  const std::string documents = data.choice("documents", {"paragraphs", "lines", "file"}, "paragraphs");
  return documents == "file" ? Documents::file : documents == "lines" ? Documents::lines : Documents::paragraphs;
}

void parse_language(const YamlView& data, DataConfig& config) {
  if (config.task.has_conversations()) {
    if (data.has("messages") && data.has("prompt")) data.fail("prompt", "given beside messages, expected one of them");
    if (data.has("prompt") || data.has("response")) {
      config.messages_column.clear();
      config.prompt_column = data.text("prompt");
      config.response_column = data.text("response");
    } else {
      config.messages_column = data.text("messages", config.messages_column);
    }
  } else if (config.format == Format::text) {
    config.documents = parse_documents(data);
  } else {
    config.text_column = data.text("text", config.text_column);
  }
}

void parse_pixels(const YamlView& data, DataConfig& config) {
  const YamlView view = data.child_or_empty("pixels");
  const auto side = [&](const char* key) {
    return static_cast<std::size_t>(view.integer(key, 0, {.min = 0, .max = 4096}));
  };
  config.pixels = {.width = side("width"),
                   .height = side("height"),
                   .white = view.number("white", 0, {.min = 0}),
                   .label_first = view.choice("label", {"first", "last"}, "last") == "first"};
}

void parse_images(const YamlView& data, DataConfig& config) {
  if (has_columns(config.format)) config.image_column = data.text("image", config.image_column);
  if (config.format == Format::pixels) parse_pixels(data, config);
  if (config.task.kind == TaskKind::image_classification)
    parse_label(data, config);
  else
    config.text_column = data.text("text", config.text_column);
}

struct FormatFacts {
  Format format;
  std::string name;
  bool has_columns;
  std::optional<TaskKind> only;  // the one task that the format is for
};

const std::array<FormatFacts, 8>& formats() {
  static const std::array<FormatFacts, 8> kAll{
      {{Format::tsv, "tsv", true, {}},
       {Format::csv, "csv", true, {}},
       {Format::jsonl, "jsonl", true, {}},
       {Format::conll, "conll", true, TaskKind::token_classification},
       {Format::text, "text", false, TaskKind::causal_lm},
       {Format::idx, "idx", false, TaskKind::image_classification},
       {Format::pixels, "pixels", false, TaskKind::image_classification},
       {Format::image_folder, "image_folder", false, TaskKind::image_classification}}};
  return kAll;
}

const FormatFacts& facts_of(Format format) {
  return *std::find_if(formats().begin(), formats().end(), [&](const auto& facts) { return facts.format == format; });
}

// One that is for this task; for any when there is none yet.
Format parse_format(const YamlView& data, const std::optional<TaskKind>& task) {
  std::vector<std::string> names;
  for (const FormatFacts& facts : formats())
    if (!facts.only || !task || facts.only == task) names.push_back(facts.name);
  const std::string name = data.choice("format", names);
  return std::find_if(formats().begin(), formats().end(), [&](const auto& facts) { return facts.name == name; })
      ->format;
}

Format parse_format(const YamlView& data, const TaskConfig& task) {
  const Format format = parse_format(data, task.kind);
  if (format == Format::text && task.has_conversations())
    data.fail("format", "text holds no conversations, expected tsv, csv or jsonl; or remove task.template");
  return format;
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

std::size_t parse_max_characters(const YamlView& data, std::size_t fallback) {
  return static_cast<std::size_t>(
      data.integer("max_characters", static_cast<std::int64_t>(fallback), {.min = 0, .max = 1e9}));
}

// As far as it goes without the names of the labels.
void check_label(const YamlView& label) {
  (void)label.text("column", "");
  (void)label.text("separator", "");
  (void)label.choice("unmapped", {"drop", "error"}, "error");
  if (label.has("map"))
    for (const YamlView map = label.child("map"); const std::string& word : map.keys()) (void)map.text(word);
  if (label.has("ranges")) {
    const YamlView ranges = label.child("ranges");
    (void)parse_ranges(ranges, ranges.keys());
  }
}

}  // namespace

std::vector<std::filesystem::path> files_of(const YamlView& view) {
  if (view.has("files")) return view.paths("files");
  if (auto file = view.path_if_set("file")) return {*file};
  return {};
}

const std::string& name_of(Format format) { return facts_of(format).name; }
bool has_columns(Format format) { return facts_of(format).has_columns; }

DataConfig parse_data_config(const YamlView& data, const TaskConfig& task) {
  using Parse = void (*)(const YamlView&, DataConfig&);
  static const std::map<TaskKind, Parse> kParsers = {{TaskKind::sequence_classification, parse_sequences},
                                                     {TaskKind::token_classification, parse_words},
                                                     {TaskKind::causal_lm, parse_language},
                                                     {TaskKind::image_classification, parse_images},
                                                     {TaskKind::image_text, parse_images}};
  DataConfig config;
  config.task = task;
  config.format = parse_format(data, task);
  if (has_columns(config.format) && config.format != Format::jsonl)
    config.columns = data.texts("columns", std::vector<std::string>{});
  kParsers.at(task.kind)(data, config);
  // Documents are cut to blocks, however long.
  if (task.kind == TaskKind::causal_lm && !task.has_conversations()) config.max_characters = 0;
  config.max_characters = parse_max_characters(data, config.max_characters);
  parse_split(data, config);
  config.files = files_of(data);
  return config;
}

void check_data_block(const YamlView& data) {
  DataConfig config;
  config.format = parse_format(data, std::optional<TaskKind>());
  for (const char* column : {"text", "text_pair", "words", "tags", "messages", "prompt", "response", "image"})
    (void)data.text(column, "");
  (void)data.texts("columns", std::vector<std::string>{});
  (void)parse_documents(data);
  check_label(data.child_or_empty("label"));
  parse_pixels(data, config);
  (void)parse_max_characters(data, config.max_characters);
  parse_split(data, config);
  config.files = files_of(data);
  data.finish();
  if (config.files.empty()) data.fail("file", "missing, expected a path; or files: with a list of them");
  for (const std::filesystem::path& file : config.files) {
    for (const auto& needed : config.format == Format::idx ? std::vector{file, idx_labels_of(file)} : std::vector{file})
      if (!std::filesystem::exists(needed)) data.fail("", "there is no file " + needed.string());
  }
}

}  // namespace weft::data
