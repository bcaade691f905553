// Pictures to classes with a model that was taught none of them: a class is what the text tower makes of its name in
// one or more templates, "a photo of a {}", and a picture is of the class that it is nearest to. Source: Radford et al.
// 2021, "CLIP", arXiv:2103.00020, sections 3.1.2 and 3.1.4 (templates averaged as embeddings).
#pragma once
#include <string>
#include <vector>

#include "common/train/evaluator.h"

namespace weft::train {

// Each label in each template, label after label. ConfigError: a template without {}, or no template.
std::vector<std::string> zero_shot_prompts(const std::vector<std::string>& labels,
                                           const std::vector<std::string>& templates);

// `prompts`: those texts, encoded. `pictures`: images and labels, indices of classes. Counts as a classification_scheme
// has them, with the model's own temperature for the loss. The task is image_text.
Score evaluate_zero_shot(const Task& task, const StateDict& adapter, const data::EncodedDataset& prompts,
                         std::size_t classes, const data::EncodedDataset& pictures, const EvaluatorOptions& options);

}  // namespace weft::train
