// PEFT's adapters on small models: what scripts/make_adapter_fixtures.py wrote, as models, batches and tensors.
#pragma once
#include <filesystem>
#include <memory>
#include <string>

#include "common/checkpoint/peft_folder.h"
#include "common/models/model.h"
#include "tests/models/bert_support.h"

namespace weft::models {

std::filesystem::path fixtures();  // tests/fixtures

// Classes "c0", "c1", ...
std::vector<std::string> numbered_labels(std::size_t count);

struct AdapterGolden {
  checkpoint::PeftFolder peft;
  Golden golden;  // logits, gradient/NAME
  explicit AdapterGolden(const std::filesystem::path& folder);
  // The base model with the folder's own adapter config.
  std::shared_ptr<const Model> load(const std::filesystem::path& base, TaskKind task, std::size_t classes) const;
};

// Logits and gradients of the folder's adapter are PEFT's.
void expect_golden(const AdapterGolden& expected, const Model& model);

// A folder of this process, removed with the object.
class OwnFolder {
 public:
  OwnFolder();
  ~OwnFolder();
  OwnFolder(const OwnFolder&) = delete;
  OwnFolder& operator=(const OwnFolder&) = delete;
  std::filesystem::path operator/(const std::string& name) const { return path_ / name; }

 private:
  std::filesystem::path path_;
};

// A copy of the base model in fp32, so that merging rounds nothing.
void copy_in_fp32(const std::filesystem::path& base, const std::filesystem::path& to);

// The model at `folder`, head and all, with an adapter that changes nothing.
std::shared_ptr<const Model> load_as_it_is(const std::filesystem::path& folder, TaskKind task, std::size_t classes);

// Logits of whatever the model's task is: of sequences, or of all tokens over classes or the vocabulary.
at::Tensor logits_for_task(const Model& model, const nn::Packed& batch, const nn::Trainable& params,
                           const ForwardMode& mode = {});

}  // namespace weft::models
