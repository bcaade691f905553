// Names of the tasks.
#include "common/adapter/task_kind.h"

#include <array>

namespace weft {
namespace {

// In the order of TaskKind.
constexpr std::array<std::string_view, 5> kNames{"sequence_classification", "token_classification", "causal_lm",
                                                 "image_classification", "image_text"};

}  // namespace

std::string_view name_of(TaskKind kind) { return kNames[static_cast<std::size_t>(kind)]; }

std::optional<TaskKind> task_kind_named(std::string_view name) {
  for (std::size_t i = 0; i < kNames.size(); ++i)
    if (name == kNames[i]) return static_cast<TaskKind>(i);
  return std::nullopt;
}

}  // namespace weft
