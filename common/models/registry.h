// Model families by config.json's "model_type": an explicit table. A new family is one file and one line of
// registry.cpp.
#pragma once
#include <functional>
#include <memory>
#include <span>
#include <string_view>

#include "common/models/checkpoint.h"
#include "common/models/classifier.h"

namespace weft::models {

struct Family {
  std::string_view model_type;
  std::shared_ptr<const SequenceClassifier> (*load)(const ClassifierConfig&, const Checkpoint&);
};

std::span<const Family> families();

}  // namespace weft::models
