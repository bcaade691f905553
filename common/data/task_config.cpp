// Reading the `task:` block.
#include "common/data/task_config.h"

#include <algorithm>
#include <array>

namespace weft::data {
namespace {

struct KindFacts {
  TaskKind kind;
  bool has_labels;
  std::int64_t max_tokens;  // by default; 0: it has no texts
};

constexpr std::array kKinds{
    KindFacts{TaskKind::sequence_classification, true, 128}, KindFacts{TaskKind::token_classification, true, 128},
    KindFacts{TaskKind::causal_lm, false, 512}, KindFacts{TaskKind::image_classification, true, 0},
    KindFacts{TaskKind::image_text, false, 77}};

const KindFacts& parse_kind(const YamlView& task) {
  std::vector<std::string> names;
  for (const KindFacts& facts : kKinds) names.emplace_back(name_of(facts.kind));
  const TaskKind kind = *task_kind_named(task.choice("kind", names));
  return *std::find_if(kKinds.begin(), kKinds.end(), [&](const KindFacts& facts) { return facts.kind == kind; });
}

// In the order of Problem.
constexpr std::array<const char*, 3> kProblems{"single_label", "multi_label", "regression"};

Problem parse_problem(const YamlView& task) {
  const std::string problem = task.choice("problem", {kProblems.begin(), kProblems.end()}, kProblems.front());
  return static_cast<Problem>(std::find(kProblems.begin(), kProblems.end(), problem) - kProblems.begin());
}

std::vector<std::string> parse_labels(const YamlView& task, Problem problem) {
  std::vector<std::string> labels = task.texts("labels");
  std::vector<std::string> sorted = labels;
  std::sort(sorted.begin(), sorted.end());
  const auto twice = std::adjacent_find(sorted.begin(), sorted.end());
  if (twice != sorted.end()) task.fail("labels", "\"" + *twice + "\" is listed twice");
  if (labels.empty()) task.fail("labels", "is empty, expected the names of the labels");
  if (labels.size() < 2 && problem == Problem::single_label) task.fail("labels", "names fewer than two classes");
  return labels;
}

}  // namespace

std::string_view name_of(Problem problem) { return kProblems[static_cast<std::size_t>(problem)]; }

bool TaskConfig::has_one_label() const {
  return kind == TaskKind::image_classification ||
         (kind == TaskKind::sequence_classification && problem == Problem::single_label);
}

TaskConfig parse_task_config(const YamlView& task) {
  const KindFacts& facts = parse_kind(task);
  TaskConfig config{.kind = facts.kind};
  if (config.kind == TaskKind::sequence_classification) config.problem = parse_problem(task);
  if (facts.has_labels && config.problem != Problem::regression) config.labels = parse_labels(task, config.problem);
  if (facts.max_tokens > 0)
    config.max_tokens =
        static_cast<std::size_t>(task.integer("max_tokens", facts.max_tokens, {.min = 3, .max = 100'000}));
  if (config.kind == TaskKind::causal_lm) config.chat_template = task.text("template", "");
  if (config.has_conversations() && task.choice("loss", {"answers", "all"}, "answers") == "all")
    config.loss_on = LossOn::all;
  return config;
}

}  // namespace weft::data
