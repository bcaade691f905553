// A Hugging Face folder as model files see it: config.json with typed look-ups and the mapped tensors, each asked for
// by name and shape, with everything that does not fit listed in one error.
#pragma once
#include <ATen/core/Tensor.h>

#include <filesystem>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <vector>

namespace weft::models {

// config.json. Every look-up throws ConfigError naming file, key, what was found and what is expected.
class ModelConfig {
 public:
  explicit ModelConfig(const std::filesystem::path& file);
  ~ModelConfig();
  ModelConfig(ModelConfig&&) noexcept;
  std::int64_t positive(const std::string& key) const;
  double number(const std::string& key, std::optional<double> fallback = {}) const;
  double probability(const std::string& key,
                     std::optional<double> fallback = {}) const;  // in [0, 1); null reads as absent
  std::string text(const std::string& key, std::optional<std::string> fallback = {}) const;
  [[noreturn]] void fail(const std::string& problem) const;

 private:
  struct Json;
  std::filesystem::path file_;
  std::unique_ptr<Json> json_;
};

class Checkpoint {
 public:
  // Maps the folder's safetensors. Throws ConfigError.
  explicit Checkpoint(const std::filesystem::path& folder);
  ~Checkpoint();
  const ModelConfig& config() const { return config_; }
  const std::filesystem::path& folder() const { return folder_; }
  // SHA-256 over three lines: the digest of the weights, of config.json, and of tokenizer.json ("-" when absent). Sites
  // whose digests agree tokenise and compute alike. Reads every byte.
  std::string digest() const;
  bool has(const std::string& name) const;

  struct Files;

 private:
  friend class TensorReader;
  std::filesystem::path folder_;
  ModelConfig config_;
  std::shared_ptr<const Files> files_;
};

// Takes tensors out of a checkpoint. Problems are collected; finish() throws one ConfigError that lists them all.
class TensorReader {
 public:
  TensorReader(const Checkpoint& checkpoint, std::string prefix, at::Device device);
  // fp32, widened from f16 or bf16, in 64-byte aligned memory of its own. Undefined where a problem was noted.
  at::Tensor copy(const std::string& name, at::IntArrayRef shape) { return copy_absolute(prefix_ + name, shape); }
  // As copy(), by the name as it stands in the file.
  at::Tensor copy_absolute(const std::string& name, at::IntArrayRef shape);
  // The mapping itself where it holds fp32 and the device is the CPU, else as copy(). For big tables that are only
  // read.
  at::Tensor view(const std::string& name, at::IntArrayRef shape);
  // Tensors whose full names start so may be there and are not used.
  void ignore_below(const std::string& prefix);
  bool has(const std::string& name) const;
  void finish() const;

 private:
  const void* find(const std::string& name, at::IntArrayRef shape);
  const Checkpoint& checkpoint_;
  std::string prefix_;
  at::Device device_;
  std::set<std::string> used_;
  std::vector<std::string> missing_, misshaped_, ignored_;
};

}  // namespace weft::models
