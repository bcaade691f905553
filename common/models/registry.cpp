// The table of model families.
#include "common/models/registry.h"

#include <array>

#include "common/base/result.h"
#include "common/models/bert.h"

namespace weft::models {

std::span<const Family> families() {
  static constexpr std::array kFamilies{
      Family{"bert", &load_bert},
  };
  return kFamilies;
}

std::shared_ptr<const SequenceClassifier> load_classifier(const ClassifierConfig& config) {
  const Checkpoint checkpoint(config.folder);
  const std::string type = checkpoint.config().text("model_type");
  std::string known;
  for (const Family& family : families()) {
    if (family.model_type == type) return family.load(config, checkpoint);
    known += (known.empty() ? "" : ", ") + std::string(family.model_type);
  }
  checkpoint.config().fail("model_type is \"" + type + "\"; this build knows " + known);
}

}  // namespace weft::models
