// Small data, the tiny BERT of the fixtures, and golden values for the tests of training.
#pragma once
#include <filesystem>
#include <memory>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "common/data/encode.h"
#include "common/models/model.h"
#include "common/train/site_trainer.h"
#include "common/train/train_config.h"

namespace weft::train {

std::filesystem::path fixture(const std::string& name);  // below tests/fixtures
nlohmann::json golden(const std::string& part);          // of scripts/make_train_fixtures.py

struct TinyBertOptions {
  double adapter_dropout = 0;
  double base_dropout = 0;
  at::Device device = at::kCPU;
};
std::shared_ptr<const models::Model> tiny_bert(const TinyBertOptions& options = {});
// The task that it was loaded for.
std::shared_ptr<const Task> two_classes(std::shared_ptr<const models::Model> model);

// Tensors "prefix/NAME" of a fixture as an adapter of `model`. The one of bert_tiny_query_value has B factors that are
// not zero, so every part of the adapter matters.
StateDict state_of(const std::string& file, const std::string& prefix, const models::Model& model);
StateDict start_state(const models::Model& model);
// The eight sequences of the model fixtures.
data::EncodedDataset fixture_batch();
std::vector<float> floats_of(const std::string& file, const std::string& tensor);

// Sequences of 2 to 20 tokens, which come from eight words of the text's class.
data::EncodedDataset toy_data(std::size_t count, std::uint64_t seed);
data::EncodedDataset joined(const std::vector<data::EncodedDataset>& parts);

SiteTrainer trainer_of(std::shared_ptr<const models::Model> model, data::EncodedDataset train,
                       const TrainConfig& config, std::uint64_t rounds = 1);
// start + update, in the order in which a coordinator with one site adds them.
StateDict after(const StateDict& start, const fl::TrainResult& result);
double largest_difference(const StateDict& a, const StateDict& b);

}  // namespace weft::train
