// What weft evaluate says: a page for people or a line of JSON.
#pragma once
#include <cstdint>
#include <string>
#include <vector>

#include "common/data/dataset.h"
#include "common/train/evaluator.h"

namespace weft::cli {

struct EvaluationReport {
  std::string name, data, split;    // of what was scored, on which file
  std::vector<std::string> labels;  // of the confusion matrix, where there is one
  train::Score score;
  data::CleaningReport cleaning;
  std::uint64_t truncated = 0;
  std::size_t max_tokens = 0;
  std::string adapter_sha256, base_digest;
};

void print_json(const EvaluationReport& report);
void print_text(const EvaluationReport& report);

}  // namespace weft::cli
