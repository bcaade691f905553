// Foreign bytes as a data file of each task, the first byte choosing task and format: a ConfigError that names the
// file, or examples that are whole.
#include <cstdlib>
#include <cstring>

#include "common/data/source.h"

namespace {

using namespace weft;
using namespace weft::data;

struct Choice {
  TaskConfig task;
  Format format;
};

const Choice kChoices[] = {
    {{.labels = {"a", "b"}, .problem = Problem::multi_label}, Format::jsonl},
    {{.labels = {"a", "b"}, .problem = Problem::multi_label}, Format::csv},
    {{.problem = Problem::regression}, Format::tsv},
    {{.kind = TaskKind::token_classification, .labels = {"a", "b"}}, Format::jsonl},
    {{.kind = TaskKind::token_classification, .labels = {"a", "b"}}, Format::conll},
    {{.kind = TaskKind::causal_lm}, Format::text},
    {{.kind = TaskKind::causal_lm, .chat_template = "t"}, Format::jsonl},
    {{.kind = TaskKind::image_classification, .labels = {"a", "b"}}, Format::jsonl},
    {{.kind = TaskKind::image_classification, .labels = {"a", "b"}}, Format::pixels},
};

void require(bool holds) {
  if (!holds) std::abort();
}

void check(const Example& example, const TaskConfig& task) {
  require(example.tags.size() == example.words.size());
  for (const auto* labels : {&example.labels, &example.tags})
    for (const std::int32_t label : *labels)
      require(label >= 0 && static_cast<std::size_t>(label) < task.labels.size());
  if (task.kind == TaskKind::token_classification) require(!example.words.empty());
  if (task.has_conversations()) require(!example.messages.empty());
  if (task.kind == TaskKind::image_classification && example.image.path.empty())
    require(example.image.grey_pixels().size() == example.image.width * example.image.height);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size == 0) return 0;
  const Choice& choice = kChoices[data[0] % std::size(kChoices)];
  DataConfig config;
  config.task = choice.task;
  config.format = choice.format;
  config.label.column = "label";
  config.label.words = {{"a", 0}, {"b", 1}};
  config.label.drop_unmapped = (data[0] & 128U) != 0;
  config.max_characters = 1000;
  Cleaner cleaner(config);
  try {
    cleaner.add_text({reinterpret_cast<const char*>(data) + 1, size - 1}, "f");
  } catch (const weft::ConfigError& error) {
    require(std::strncmp(error.what(), "f:", 2) == 0);
    return 0;
  }
  const CleaningReport report = cleaner.report();
  require(report.read == report.kept + report.empty + report.duplicate + report.too_long + report.unmapped);
  const auto records = cleaner.take();
  require(records.size() == report.kept);
  for (const auto& [example, group] : records) check(example, config.task);
  return 0;
}
