// The kinds of task, as the table in task.cpp lists them.
#pragma once
#include <memory>
#include <string>

#include "common/train/task.h"

namespace weft::train {

using ModelPointer = std::shared_ptr<const models::Model>;

// One of C classes for each text, any number of C labels, or a number, as config.problem says.
std::unique_ptr<const Task> sequence_classification(const data::TaskConfig& config, ModelPointer model);
// One of C tags for each word, learned and read at its first token.
std::unique_ptr<const Task> token_classification(const data::TaskConfig& config, ModelPointer model);
// The next token of documents, or of the assistant's answers in conversations.
std::unique_ptr<const Task> causal_lm(const data::TaskConfig& config, ModelPointer model);
// One of C classes for each picture.
std::unique_ptr<const Task> image_classification(const data::TaskConfig& config, ModelPointer model);
// Pictures near their captions and far from the others of the batch.
std::unique_ptr<const Task> image_text(const data::TaskConfig& config, ModelPointer model);

// How many tokens of these examples are learned.
double learned_tokens(const data::EncodedDataset& data, std::span<const std::uint32_t> examples);
// ConfigError unless every label of `data` is an index into the task's labels.
void check_labels(const data::TaskConfig& config, const std::vector<std::int32_t>& labels, const std::string& what);

// Rows of length 1.
at::Tensor unit(const at::Tensor& x_NE);
// Counts of a classification_scheme: each example is of exactly one class.
void count_one_label(const at::Tensor& logits_NC, const at::Tensor& labels_N, metrics::Tally& tally);

}  // namespace weft::train
