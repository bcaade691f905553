// Foreign bytes as a model's config.json beside the tensors of a tiny model of the type that they name: an error with a
// message, or a model that computes.
#include <ATen/Parallel.h>
#include <ATen/core/grad_mode.h>
#include <ATen/ops/arange.h>
#include <ATen/ops/tensor.h>
#include <ATen/ops/zeros.h>
#include <unistd.h>

#include <cstdlib>
#include <fstream>
#include <iterator>
#include <stdexcept>
#include <string>

#include "common/adapter/family_names.h"
#include "common/models/model.h"
#include "common/models/registry.h"

namespace {

using namespace weft;
using namespace weft::models;

// The one that the bytes name, or BERT.
std::string type_in(std::string_view bytes) {
  for (const Family& family : families())
    if (std::string type(family.model_type); bytes.find('"' + type + '"') != std::string_view::npos) return type;
  return "bert";
}

// One folder of this process for each type; they are small and go with the machine's temporary files.
std::filesystem::path folder_of(const std::string& type) {
  const std::filesystem::path fixtures = WEFT_SOURCE_DIR "/tests/fixtures";
  const auto folder = std::filesystem::temp_directory_path() / ("weft_fuzz_" + std::to_string(getpid())) / type;
  if (std::filesystem::exists(folder)) return folder;
  std::filesystem::create_directories(folder);
  const auto own = fixtures / "families" / type / "base", other = fixtures / "models" / (type + "_tiny");
  std::filesystem::copy((std::filesystem::exists(own) ? own : other) / "model.safetensors", folder);
  return folder;
}

void compute(const Model& model, const StateDict& state) {
  const at::NoGradGuard guard;
  const nn::Trainable params(state, model.device(), false);
  const std::int64_t tokens = 3;
  const at::Tensor ids = at::arange(2, 2 + tokens, at::kLong);
  const Inputs inputs{.tokens = {.ids_T = ids,
                                 .type_ids_T = at::zeros({tokens}, at::kLong),
                                 .position_T = at::tensor({0, 0, 1}, at::kLong),
                                 .starts = {0, 1, tokens}},
                      .pixels_N3HW = {}};
  if (model.task() == TaskKind::causal_lm) (void)model.language_states(inputs, params, {}, Rows::all());
  if (model.task() == TaskKind::sequence_classification) (void)model.sequence_logits(inputs, params, {});
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  at::set_num_threads(1);
  const std::string_view bytes(reinterpret_cast<const char*>(data), size);
  const std::string type = type_in(bytes);
  const std::filesystem::path folder = folder_of(type);
  std::ofstream(folder / "config.json", std::ios::binary | std::ios::trunc) << bytes;
  const TaskKind task = family_named(type)->heads.front().task;
  const bool labelled = task == TaskKind::sequence_classification || task == TaskKind::image_classification;
  try {
    const auto model = load_model({.folder = folder,
                                   .task = task,
                                   .labels = labelled ? std::vector<std::string>{"a", "b"} : std::vector<std::string>{},
                                   .adapter = {.method = AdapterMethod::bitfit}});
    compute(*model, model->initial_state(Rng(1)));
  } catch (const std::runtime_error& error) {  // Failure or ConfigError
    if (std::string(error.what()).empty()) std::abort();
  }
  return 0;
}
