// What is learned: the `task:` block of a run file, which data and training share.
//
//   task:
//     kind: sequence_classification   # or token_classification, causal_lm, image_classification, image_text
//     labels: [negative, positive]    # of the three kinds of classification, but not of regression
//     problem: single_label           # of sequence_classification: or multi_label (any number of labels), regression
//     max_tokens: 128                 # of one sequence, special tokens included
//     template: chatml                # causal_lm on conversations: a template by name, or `checkpoint` for its own
//     loss: answers                   # of conversations: learn the assistant's answers, or all
#pragma once
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "common/adapter/task_kind.h"
#include "common/config/yaml_view.h"

namespace weft::data {

enum class Problem { single_label, multi_label, regression };
std::string_view name_of(Problem problem);  // as run files spell it
enum class LossOn { answers, all };

struct TaskConfig {
  TaskKind kind = TaskKind::sequence_classification;
  std::vector<std::string> labels;          // empty where there are no classes
  Problem problem = Problem::single_label;  // other than that of sequence_classification only
  std::size_t max_tokens = 128;             // image_classification has none
  std::string chat_template;                // causal_lm: empty for plain documents
  LossOn loss_on = LossOn::answers;         // of conversations

  bool has_conversations() const { return !chat_template.empty(); }
  // Whether each example is of exactly one class, Example::label.
  bool has_one_label() const;
};

// Reads the block. ConfigError on nonsense. Whether the template exists is told when it is loaded.
TaskConfig parse_task_config(const YamlView& task);

}  // namespace weft::data
