// Plain-loop reference for merges: written apart from the code it checks, and in another order of operations.
#include "tests/checkpoint/checkpoint_support.h"

#include <gtest/gtest.h>
#include <stdlib.h>

#include <algorithm>
#include <cmath>
#include <fstream>
#include <iterator>

#include "common/adapter/module_rules.h"
#include "common/base/file.h"
#include "common/base/rng.h"
#include "common/tensor/safetensors.h"

namespace weft::checkpoint {
namespace {

using Vector = std::vector<double>;

StateDict random_state(std::vector<std::pair<std::string, std::vector<std::int64_t>>> shapes, const char* label) {
  StateDict state = StateDict::zeros(std::make_shared<const Manifest>(Manifest::build(std::move(shapes)).value()));
  RngStream stream = Rng(5).stream(label);
  for (float& value : state.values) value = static_cast<float>(stream.normal());
  return state;
}

// W·x for a row-major weight whose inputs are as many as x has.
Vector times(std::span<const float> weight, const Vector& x) {
  Vector y(weight.size() / x.size());
  for (std::size_t i = 0; i < weight.size(); ++i) y[i / x.size()] += weight[i] * x[i % x.size()];
  return y;
}

Vector plus(Vector a, const Vector& b, double scale) {
  for (std::size_t i = 0; i < a.size(); ++i) a[i] += scale * b[i];
  return a;
}

Vector relu(Vector x) {
  for (double& value : x) value = std::max(value, 0.0);
  return x;
}

StateDict load(const std::filesystem::path& folder) {
  return state_dict_from(Safetensors::open(folder).value()).value();
}

}  // namespace

TemporaryFolder::TemporaryFolder() {
  std::string name = testing::TempDir() + "weftXXXXXX";
  path_ = ::mkdtemp(name.data());
}
TemporaryFolder::~TemporaryFolder() { std::filesystem::remove_all(path_); }

void write_file(const std::filesystem::path& path, const std::string& text) {
  std::filesystem::create_directories(path.parent_path());
  std::ofstream(path, std::ios::binary) << text;
}

std::string read_file(const std::filesystem::path& path) {
  std::ifstream file(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(file), {}};
}

void write_small_base(const std::filesystem::path& folder) {
  const StateDict base = random_state({{"encoder.up.weight", {5, 3}}, {"encoder.down.weight", {3, 5}}}, "base");
  const Bytes image = to_safetensors(base);
  write_file(folder / "model.safetensors", std::string(as_text(image)));
  write_file(folder / "config.json", R"({"model_type": "bert", "architectures": ["BertModel"], "hidden_size": 3})");
  write_file(folder / "tokenizer.json", "{}");
}

PeftFolder small_adapter() {
  const std::string root = "base_model.model.";
  PeftFolder adapter;
  adapter.config = {.base_model = "small",
                    .adapter = {.target_modules = {.names = {"up", "down"}},
                                .modules_to_save = {{"classifier"}},
                                .rank = 2,
                                .alpha = 6,
                                .dropout = 0.1}};
  adapter.state = random_state({{root + "bert.encoder.up.lora_A.weight", {2, 3}},
                                {root + "bert.encoder.up.lora_B.weight", {5, 2}},
                                {root + "bert.encoder.down.lora_A.weight", {2, 5}},
                                {root + "bert.encoder.down.lora_B.weight", {3, 2}},
                                {root + "classifier.weight", {2, 3}},
                                {root + "classifier.bias", {2}}},
                               "adapter");
  adapter.facts = {.run = "small-run",
                   .run_id = std::string(32, 'a'),
                   .version = 4,
                   .labels = {"no", "yes"},
                   .max_tokens = 16,
                   .base_digest = std::string(64, 'b'),
                   .adapter_digest = adapter.state.digest()};
  return adapter;
}

Vector adapted_logits(const std::filesystem::path& base_folder, const PeftFolder& adapter, const Vector& x,
                      int scale_power) {
  const StateDict base = load(base_folder);
  const double scale = std::pow(scale_of(adapter.config.adapter, "encoder.up"), scale_power);
  const auto linear = [&](const std::string& name, const Vector& input) {
    const std::string module = "base_model.model.bert." + name;
    const Vector inner = times(adapter.state.tensor(module + ".lora_A.weight"), input);
    return plus(times(base.tensor(name + ".weight"), input),
                times(adapter.state.tensor(module + ".lora_B.weight"), inner), scale);
  };
  const Vector hidden = linear("encoder.down", relu(linear("encoder.up", x)));
  const auto bias = adapter.state.tensor("base_model.model.classifier.bias");
  return plus(times(adapter.state.tensor("base_model.model.classifier.weight"), hidden), {bias.begin(), bias.end()}, 1);
}

Vector merged_logits(const std::filesystem::path& merged, const Vector& x) {
  const StateDict state = load(merged);
  const Vector hidden =
      times(state.tensor("bert.encoder.down.weight"), relu(times(state.tensor("bert.encoder.up.weight"), x)));
  const auto bias = state.tensor("classifier.bias");
  return plus(times(state.tensor("classifier.weight"), hidden), {bias.begin(), bias.end()}, 1);
}

double largest_difference(const Vector& a, const Vector& b) {
  double largest = 0;
  for (std::size_t i = 0; i < a.size(); ++i) largest = std::max(largest, std::abs(a[i] - b[i]));
  return a.size() == b.size() ? largest : INFINITY;
}

}  // namespace weft::checkpoint
