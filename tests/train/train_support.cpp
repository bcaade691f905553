#include "tests/train/train_support.h"

#include <algorithm>
#include <cmath>
#include <cstring>
#include <fstream>

#include "common/base/rng.h"
#include "common/tensor/safetensors.h"

namespace weft::train {
namespace {

template <class T>
std::vector<T> values_of(const Safetensors& file, const std::string& name) {
  const ByteSpan bytes = file.tensors().at(name).bytes;
  std::vector<T> values(bytes.size() / sizeof(T));
  std::memcpy(values.data(), bytes.data(), bytes.size());
  return values;
}

void append(data::EncodedDataset& data, const std::vector<std::int32_t>& ids, std::int32_t label) {
  data.ids.insert(data.ids.end(), ids.begin(), ids.end());
  data.type_ids.resize(data.ids.size());
  data.starts.push_back(static_cast<std::int64_t>(data.ids.size()));
  data.labels.push_back(label);
}

}  // namespace

std::filesystem::path fixture(const std::string& name) {
  return std::filesystem::path(WEFT_SOURCE_DIR) / "tests/fixtures" / name;
}

nlohmann::json golden(const std::string& part) {
  std::ifstream file(fixture("train/golden.json"));
  return nlohmann::json::parse(file).at(part);
}

std::shared_ptr<const models::Model> tiny_bert(const TinyBertOptions& options) {
  return models::load_model({.folder = fixture("models/bert_tiny"),
                             .labels = {"negative", "positive"},
                             .adapter = {.target_modules = {.names = {"query", "value"}},
                                         .rank = 8,
                                         .alpha = 16,
                                         .dropout = options.adapter_dropout},
                             .base_dropout = options.base_dropout,
                             .device = options.device});
}

std::shared_ptr<const Task> two_classes(std::shared_ptr<const models::Model> model) {
  return make_task({.labels = {"negative", "positive"}}, std::move(model));
}

StateDict state_of(const std::string& file, const std::string& prefix, const models::Model& model) {
  const Safetensors opened = Safetensors::open(fixture(file)).value();
  StateDict state = StateDict::zeros(model.manifest());
  for (const TensorSpec& spec : model.manifest()->tensors()) {
    const std::vector<float> values = values_of<float>(opened, prefix + "/" + spec.name);
    WEFT_CHECK(values.size() == spec.size, spec.name);
    std::copy(values.begin(), values.end(), state.tensor(spec.name).begin());
  }
  return state;
}

StateDict start_state(const models::Model& model) {
  return state_of("models/bert_tiny_query_value.safetensors", "adapter", model);
}

data::EncodedDataset fixture_batch() {
  const Safetensors opened = Safetensors::open(fixture("models/bert_tiny_query_value.safetensors")).value();
  const auto narrow = [&](const std::string& name) {
    const std::vector<std::int64_t> values = values_of<std::int64_t>(opened, name);
    return std::vector<std::int32_t>(values.begin(), values.end());
  };
  return {.ids = narrow("ids"),
          .type_ids = narrow("types"),
          .starts = values_of<std::int64_t>(opened, "starts"),
          .labels = narrow("labels")};
}

std::vector<float> floats_of(const std::string& file, const std::string& tensor) {
  return values_of<float>(Safetensors::open(fixture(file)).value(), tensor);
}

data::EncodedDataset toy_data(std::size_t count, std::uint64_t seed) {
  RngStream random = Rng(seed).stream("toy");
  data::EncodedDataset data;
  for (std::size_t i = 0; i < count; ++i) {
    const auto label = static_cast<std::int32_t>(random.below(2));
    std::vector<std::int32_t> ids(2 + random.below(19));
    for (std::int32_t& id : ids) id = 62 * label + static_cast<std::int32_t>(random.below(8));
    append(data, ids, label);
  }
  return data;
}

data::EncodedDataset joined(const std::vector<data::EncodedDataset>& parts) {
  data::EncodedDataset all;
  for (const data::EncodedDataset& part : parts)
    for (std::size_t i = 0; i < part.size(); ++i) {
      const auto ids = part.ids_of(i);
      append(all, {ids.begin(), ids.end()}, part.labels[i]);
    }
  return all;
}

SiteTrainer trainer_of(std::shared_ptr<const models::Model> model, data::EncodedDataset train,
                       const TrainConfig& config, std::uint64_t rounds) {
  data::EncodedDataset validation = train;
  return SiteTrainer({.task = two_classes(std::move(model)),
                      .data = {.train = std::move(train), .validation = std::move(validation), .test = {}},
                      .config = config,
                      .seed = 7,
                      .rounds = rounds});
}

StateDict after(const StateDict& start, const fl::TrainResult& result) {
  StateDict state = start;
  for (std::size_t i = 0; i < state.values.size(); ++i) state.values[i] += result.update.values[i];
  return state;
}

double largest_difference(const StateDict& a, const StateDict& b) {
  double largest = 0;
  for (std::size_t i = 0; i < a.values.size(); ++i)
    largest = std::max(largest, std::abs(static_cast<double>(a.values[i]) - static_cast<double>(b.values[i])));
  return largest;
}

}  // namespace weft::train
