// What dirichlet and shards divide by.
#include <algorithm>

#include "common/data/partition.h"

namespace weft::data {
namespace {

std::int32_t first_entity(const Example& example, const TaskConfig& task) {
  for (const std::int32_t tag : example.tags)
    if (task.labels.at(static_cast<std::size_t>(tag)) != "O") return tag;
  return example.tags.empty() ? -1 : example.tags.front();
}

// Of each target, which tenth of all targets it is in; equal ones are in the same.
std::vector<std::int32_t> tenths(const std::vector<Example>& examples) {
  std::vector<double> sorted;
  for (const auto& example : examples) sorted.push_back(example.target);
  std::sort(sorted.begin(), sorted.end());
  std::vector<std::int32_t> out;
  for (const auto& example : examples) {
    const auto below = std::lower_bound(sorted.begin(), sorted.end(), example.target) - sorted.begin();
    out.push_back(static_cast<std::int32_t>(static_cast<std::size_t>(below) * 10 / sorted.size()));
  }
  return out;
}

std::int32_t class_of(const Example& example, const TaskConfig& task) {
  if (task.kind == TaskKind::token_classification) return first_entity(example, task);
  if (task.problem == Problem::multi_label) return example.labels.empty() ? -1 : example.labels.front();
  return example.label;
}

}  // namespace

std::vector<std::int32_t> division_classes(const std::vector<Example>& examples, const TaskConfig& task) {
  if (task.problem == Problem::regression) return tenths(examples);
  std::vector<std::int32_t> out;
  for (const auto& example : examples) out.push_back(class_of(example, task));
  return out;
}

}  // namespace weft::data
