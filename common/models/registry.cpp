// The table of model families, and loading by it.
#include "common/models/registry.h"

#include <array>

#include "common/base/result.h"
#include "common/models/model.h"

namespace weft::models {
namespace {

const Family& family_of(const ModelConfig& config) {
  const std::string type = config.text("model_type");
  std::string known;
  for (const Family& family : families()) {
    if (family.model_type == type) return family;
    known += (known.empty() ? "" : ", ") + std::string(family.model_type);
  }
  config.fail("model_type is \"" + type + "\"; this build knows " + known);
}

const FamilyNames& names_for(const Family& family, TaskKind task, const ModelConfig& config) {
  const FamilyNames* names = family_named(family.model_type);
  WEFT_CHECK(names != nullptr, "a family without an entry in family_names.cpp");
  if (names->head(task) != nullptr) return *names;
  std::string tasks;
  for (const FamilyHead& head : names->heads) tasks += (tasks.empty() ? "" : ", ") + std::string(name_of(head.task));
  config.fail("model_type is \"" + std::string(family.model_type) + "\", which cannot do task.kind " +
              std::string(name_of(task)) + "; it can do " + tasks);
}

void check_labels(const ModelRequest& request) {
  const bool classifies = request.task == TaskKind::sequence_classification ||
                          request.task == TaskKind::token_classification ||
                          request.task == TaskKind::image_classification;
  if (classifies && request.labels.empty()) throw ConfigError("task.labels: a classifier needs labels");
}

}  // namespace

std::span<const Family> families() {
  static constexpr std::array kFamilies{
      Family{"bert", &build_bert},       Family{"distilbert", &build_distilbert},
      Family{"roberta", &build_roberta}, Family{"xlm-roberta", &build_roberta},
      Family{"gpt2", &build_gpt2},       Family{"llama", &build_llama},
      Family{"mistral", &build_mistral}, Family{"qwen2", &build_qwen2},
      Family{"qwen3", &build_qwen3},     Family{"vit", &build_vit},
      Family{"deit", &build_deit},       Family{"clip", &build_clip},
  };
  return kFamilies;
}

std::shared_ptr<const Model> load_model(const ModelRequest& request) {
  check_labels(request);
  const Checkpoint checkpoint(request.folder);
  const Family& family = family_of(checkpoint.config());
  ModelBuilder builder(checkpoint, request, names_for(family, request.task, checkpoint.config()));
  std::unique_ptr<const Network> network = family.build(builder);
  PlacedAdapter adapter = builder.finish();
  return std::make_shared<const Model>(Model::Parts{.task = request.task,
                                                    .device = request.device,
                                                    .base_files = checkpoint.files(),
                                                    .network = std::move(network),
                                                    .adapter = std::move(adapter),
                                                    .notes = builder.notes()});
}

}  // namespace weft::models
