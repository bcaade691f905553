// What a model is asked to do. The kind decides which head it carries.
#pragma once
#include <optional>
#include <string_view>

namespace weft {

enum class TaskKind { sequence_classification, token_classification, causal_lm, image_classification, image_text };

// As run files spell it: "sequence_classification".
std::string_view name_of(TaskKind kind);
std::optional<TaskKind> task_kind_named(std::string_view name);

}  // namespace weft
