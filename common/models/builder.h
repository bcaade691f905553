// Takes a network's modules out of a checkpoint by name and offers each to the adapter, so that the names in a
// checkpoint are the structure of the model, and a family's file says nothing about adapters.
//   Linear query = builder.linear(layer + "attention.self.query", width, width);
// Names are those of the model with its head ("bert.encoder..."); a checkpoint of the bare model lacks the family's
// prefix, which is found out here. Problems are collected: finish() throws one ConfigError that lists them all.
#pragma once
#include <ATen/core/Tensor.h>

#include <map>
#include <optional>
#include <string>
#include <vector>

#include "common/adapter/family_names.h"
#include "common/models/checkpoint.h"
#include "common/models/embedding.h"
#include "common/models/linear.h"
#include "common/models/model.h"
#include "common/models/norm.h"
#include "common/models/placed_adapter.h"

namespace weft::models {

struct LinearOptions {
  bool bias = true;
};

class ModelBuilder {
 public:
  // All three must outlive the builder.
  ModelBuilder(const Checkpoint& checkpoint, const ModelRequest& request, const FamilyNames& names);

  const ModelConfig& config() const { return checkpoint_.config(); }
  const ModelRequest& request() const { return request_; }
  std::int64_t classes() const { return static_cast<std::int64_t>(request_.labels.size()); }
  // The dropout that config.json's key says (or `fallback`), unless the request sets one for all.
  double dropout(const std::string& key, double fallback) const;
  bool has(const std::string& tensor) const;

  Linear linear(const std::string& name, std::int64_t in, std::int64_t out, LinearOptions options = {});
  // Modules that read the same input, as one layer with their outputs side by side.
  Linear stacked(const std::vector<std::string>& names, std::int64_t in, const std::vector<std::int64_t>& outs,
                 LinearOptions options = {});
  // A module of the task's head, or one below it that FamilyHead lists. The checkpoint may lack it, or have one for
  // another task or other labels; then it must be trained whole, and starts normal with the config's initializer_range,
  // its bias zero. all-linear does not mean it.
  Linear head(const std::string& name, std::int64_t in, std::int64_t out, LinearOptions options = {});
  Norm norm(const std::string& name, std::int64_t width, double epsilon, NormKind kind = NormKind::layer);
  // The layer that makes logits over the vocabulary, without a bias: NAME.weight, mapped where it stays frozen, or what
  // is tied to it where that is defined and the checkpoint has no other. all-linear does not mean it.
  Linear language_head(const std::string& name, std::int64_t in, std::int64_t out, const at::Tensor& tied_OI);
  // Whether that is the table of tokens: as config.json says, or else the family.
  bool is_tied() const { return config().flag("tie_word_embeddings", names_.tied); }
  // NAME.weight, [rows, width], of which rows are looked up; mapped where it stays frozen. `padding`: see Embedding.
  Embedding embedding(const std::string& name, std::int64_t rows, std::int64_t width, std::int64_t padding = -1);
  // The same where it is read as a whole.
  Parameter table(const std::string& name, std::int64_t rows, std::int64_t width);
  // Which row of a table of so many the padding token has: config.json's pad_token_id, or what the family takes where
  // it says none. As torch counts: a negative one from the end. -1: none.
  std::int64_t padding_row(std::int64_t rows, std::optional<std::int64_t> fallback = {}) const;
  // Any other tensor, by its whole name.
  Parameter parameter(const std::string& name, std::vector<std::int64_t> shape);
  // Tensors whose names begin so may be there and are not used.
  void ignore(const std::string& prefix);

  // Once, after everything was asked for.
  PlacedAdapter finish();
  // What finish() found that the user should know of: a line for what of the checkpoint is not used, and for each
  // module that is new without being named.
  const std::vector<std::string>& notes() const { return notes_; }

 private:
  enum class Role { inner, head };
  struct Taken {
    at::Tensor weight_OI, bias_O;
    AdaptedModule module;
  };
  Taken take(const std::string& name, std::int64_t in, std::int64_t out, const LinearOptions& options, Role role);
  void adapt(Taken& taken, const std::string& name, Role role);
  void place_low_rank(Taken& taken, const std::string& name);
  std::string stored(const std::string& name) const;
  bool stores(const std::string& module, std::int64_t in, std::int64_t out, bool bias) const;
  Linear fresh_head(const std::string& name, std::int64_t in, std::int64_t out, bool bias);
  void check_trained(const std::string& head, std::int64_t in, std::int64_t out);
  // Whether all of the module's tensors are trained; `linear`: all-linear means it.
  bool trained_whole(const std::string& module, bool linear);
  bool trains_all_biases() const;
  std::string train(const std::string& name, std::vector<std::int64_t> shape, Start start);
  void check_names();
  void check_targets();
  std::string linears_text(const std::string& meant) const;
  void check_feedforward() const;
  [[noreturn]] void fail_adapter(const std::string& key, const std::string& problem) const;
  void check_order_of_labels() const;

  const Checkpoint& checkpoint_;
  const ModelRequest& request_;
  const FamilyNames& names_;
  AdapterConfig adapter_;
  TensorReader reader_;
  std::vector<std::string> modules_, linears_, adapted_, head_problems_, notes_;
  std::vector<std::pair<std::string, std::vector<std::int64_t>>> shapes_;
  std::map<std::string, Start> starts_;
  bool fan_in_fan_out_ = false;
};

}  // namespace weft::models
