// A Hugging Face folder as model files see it: config.json with typed look-ups and the mapped tensors, each asked for
// by name and shape, with everything that does not fit listed in one error.
#pragma once
#include <ATen/core/Tensor.h>

#include <filesystem>
#include <functional>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "common/nn/activation.h"
#include "common/tensor/base_files.h"

namespace weft::models {

// config.json. Every look-up throws ConfigError naming file, key, what was found and what is expected.
class ModelConfig {
 public:
  explicit ModelConfig(const std::filesystem::path& file);
  ~ModelConfig();
  ModelConfig(ModelConfig&&) noexcept;
  std::int64_t positive(const std::string& key) const;
  std::int64_t count(const std::string& key, std::int64_t fallback) const;  // 0 or more
  double number(const std::string& key, std::optional<double> fallback = {}) const;
  double positive_number(const std::string& key, std::optional<double> fallback = {}) const;  // finite
  double probability(const std::string& key,
                     std::optional<double> fallback = {}) const;  // in [0, 1); null reads as absent
  std::string text(const std::string& key, std::optional<std::string> fallback = {}) const;
  bool has(const std::string& key) const;    // and it is not null
  bool holds(const std::string& key) const;  // be it null
  bool flag(const std::string& key, bool fallback) const;
  std::int64_t positive_or(const std::string& key, std::int64_t fallback) const;
  std::int64_t layers(const std::string& key, std::int64_t fallback = 0) const;  // 1 to 4096; 0: no fallback
  std::vector<std::string> texts(const std::string& key) const;                  // empty when absent
  // An object inside this one; errors name the way to it.
  ModelConfig section(const std::string& key) const;
  nn::Activation activation(const std::string& key, std::optional<std::string> fallback = {}) const;
  [[noreturn]] void fail(const std::string& problem) const;

 private:
  struct Json;
  ModelConfig(std::filesystem::path file, std::unique_ptr<Json> json, std::string prefix);
  std::filesystem::path file_;
  std::unique_ptr<Json> json_;
  std::string prefix_;  // of keys in messages: "rope_scaling."
};

std::string shape_text(at::IntArrayRef shape);  // "[2, 3]"

class Checkpoint {
 public:
  // Maps the folder's safetensors. Throws ConfigError.
  explicit Checkpoint(const std::filesystem::path& folder);
  ~Checkpoint();
  const ModelConfig& config() const { return config_; }
  const std::filesystem::path& folder() const { return folder_; }
  // All that makes inputs and weights (common/tensor/base_files.h): sites that agree in base_digest() of it turn texts
  // into tokens and pictures into pixels alike, and compute alike. Reads every byte.
  BaseList files() const { return base_files_of(folder_); }
  std::string digest() const { return base_digest(files()); }
  bool has(const std::string& name) const { return shape_of(name).has_value(); }
  std::optional<std::vector<std::int64_t>> shape_of(const std::string& name) const;  // nullopt: not there

  struct Files;

 private:
  friend class TensorReader;
  std::filesystem::path folder_;
  ModelConfig config_;
  std::shared_ptr<const Files> files_;
};

// Takes tensors out of a checkpoint by their names in it. Problems are collected; finish() throws one ConfigError that
// lists them all.
class TensorReader {
 public:
  TensorReader(const Checkpoint& checkpoint, at::Device device) : checkpoint_(checkpoint), device_(device) {}
  // fp32, widened from f16 or bf16, in 64-byte aligned memory of its own. Of no use where a problem was noted.
  at::Tensor copy(const std::string& name, at::IntArrayRef shape);
  // The mapping itself where it holds fp32 and the device is the CPU, else as copy(). For big tables that are only
  // read.
  at::Tensor view(const std::string& name, at::IntArrayRef shape);
  // Tensors whose names start so may be there and are not used.
  void ignore_below(const std::string& prefix) { ignored_.push_back(prefix); }
  // The tensors that nobody asked for and `may_be_over` allows, with their shapes; any other one is a problem.
  std::vector<std::string> finish(const std::function<bool(const std::string&)>& may_be_over) const;

 private:
  const void* find(const std::string& name, at::IntArrayRef shape);
  void count_unmet(at::IntArrayRef shape);
  static at::Tensor stand_in(at::IntArrayRef shape);
  [[noreturn]] void fail(const std::vector<std::string>& extra) const;
  const Checkpoint& checkpoint_;
  at::Device device_;
  std::set<std::string> used_;
  std::int64_t unmet_ = 0;  // values of all that is missing
  std::vector<std::string> missing_, misshaped_, ignored_;
};

}  // namespace weft::models
