// Reading modules and placing what is trained on them.
#include "common/models/builder.h"

#include <ATen/ops/cat.h>
#include <ATen/ops/equal.h>
#include <ATen/ops/linalg_vector_norm.h>
#include <ATen/ops/zeros.h>

#include <algorithm>

#include "common/adapter/module_rules.h"
#include "common/base/result.h"
#include "common/models/lora_start.h"

namespace weft::models {
namespace {

std::vector<std::string> texts(const std::vector<std::string_view>& names) { return {names.begin(), names.end()}; }

std::vector<std::string> saved_modules(const ModelRequest& request, const FamilyNames& names) {
  if (request.adapter.modules_to_save) return *request.adapter.modules_to_save;
  if (request.task == TaskKind::causal_lm || request.task == TaskKind::image_text) return {};  // no head is new
  const FamilyHead* head = names.head(request.task);
  WEFT_CHECK(head != nullptr, "a model is built for a task that its family cannot do");
  return texts(head->modules);
}

AdapterConfig with_saved(const ModelRequest& request, const FamilyNames& names) {
  AdapterConfig config = request.adapter;
  config.modules_to_save = saved_modules(request, names);
  return config;
}

}  // namespace

ModelBuilder::ModelBuilder(const Checkpoint& checkpoint, const ModelRequest& request, const FamilyNames& names)
    : checkpoint_(checkpoint),
      request_(request),
      names_(names),
      adapter_(with_saved(request, names)),
      reader_(checkpoint, request.device) {
  for (const std::string_view prefix : names.dropped) ignore(std::string(prefix));
}

double ModelBuilder::dropout(const std::string& key, double fallback) const {
  const double own = config().probability(key, fallback);
  return request_.base_dropout.value_or(own);
}

std::string ModelBuilder::stored(const std::string& name) const {
  for (const std::string& known : {name, names_.stored_name(name)}) {
    if (checkpoint_.has(known)) return known;
    const bool prefixed = known.starts_with(names_.prefix);
    if (prefixed && checkpoint_.has(known.substr(names_.prefix.size()))) return known.substr(names_.prefix.size());
  }
  return name;
}

bool ModelBuilder::has(const std::string& tensor) const { return checkpoint_.has(stored(tensor)); }

void ModelBuilder::ignore(const std::string& prefix) {
  reader_.ignore_below(prefix);
  if (prefix.starts_with(names_.prefix)) reader_.ignore_below(prefix.substr(names_.prefix.size()));
}

bool ModelBuilder::trained_whole(const std::string& module, bool linear) {
  if (is_saved_whole(*adapter_.modules_to_save, module)) return true;
  const bool meant = adapter_.method == AdapterMethod::full && (linear || !adapter_.target_modules.all_linear) &&
                     is_target(adapter_, module);
  if (meant) adapted_.push_back(module);
  return meant;
}

bool ModelBuilder::trains_all_biases() const {
  return adapter_.method == AdapterMethod::bitfit ||
         (adapter_.method == AdapterMethod::lora && adapter_.bias == AdapterBias::all);
}

std::string ModelBuilder::train(const std::string& name, std::vector<std::int64_t> shape, Start start) {
  const std::string whole = std::string(kAdapterRoot) + name;
  shapes_.emplace_back(whole, std::move(shape));
  starts_[whole] = std::move(start);
  return whole;
}

Linear ModelBuilder::linear(const std::string& name, std::int64_t in, std::int64_t out, LinearOptions options) {
  return stacked({name}, in, {out}, options);
}

Linear ModelBuilder::stacked(const std::vector<std::string>& names, std::int64_t in,
                             const std::vector<std::int64_t>& outs, LinearOptions options) {
  std::vector<at::Tensor> weights, biases;
  std::vector<AdaptedModule> modules;
  std::int64_t first = 0;
  for (std::size_t i = 0; i < names.size(); ++i) {
    Taken taken = take(names[i], in, outs[i], options, Role::inner);
    taken.module.first_output = first;
    first += outs[i];
    weights.push_back(taken.weight_OI);
    biases.push_back(taken.bias_O);
    modules.push_back(std::move(taken.module));
  }
  if (names.size() == 1) return {weights[0], biases[0], std::move(modules)};
  return {at::cat(weights, 0), options.bias ? at::cat(biases, 0) : at::Tensor(), std::move(modules)};
}

Linear ModelBuilder::head(const std::string& name, std::int64_t in, std::int64_t out, LinearOptions options) {
  if (!stores(name, in, out, options.bias)) return fresh_head(name, in, out, options.bias);
  if (out == classes()) check_order_of_labels();
  Taken taken = take(name, in, out, options, Role::head);
  return {taken.weight_OI, taken.bias_O, {taken.module}};
}

// A head of another task or for other labels has the same name and another shape.
bool ModelBuilder::stores(const std::string& module, std::int64_t in, std::int64_t out, bool bias) const {
  return checkpoint_.shape_of(stored(module + ".weight")) == std::vector{out, in} &&
         (!bias || checkpoint_.shape_of(stored(module + ".bias")) == std::vector{out});
}

Linear ModelBuilder::fresh_head(const std::string& name, std::int64_t in, std::int64_t out, bool bias) {
  check_trained(name, in, out);
  modules_.push_back(name);
  AdaptedModule module{.out = out, .weight = std::string(kAdapterRoot) + name + ".weight", .has_bias = bias};
  train(name + ".weight", {out, in}, start_normal(module.weight, config().number("initializer_range", 0.02)));
  if (bias) module.bias = train(name + ".bias", {out}, start_with(0));
  const auto zeros = [&](std::vector<std::int64_t> shape) { return at::zeros(shape, at::kFloat).to(request_.device); };
  return {zeros({out, in}), bias ? zeros({out}) : at::Tensor(), {module}};
}

ModelBuilder::Taken ModelBuilder::take(const std::string& name, std::int64_t in, std::int64_t out,
                                       const LinearOptions& options, Role role) {
  const bool stored_IO = names_.linears_IO && role == Role::inner;
  const std::vector<std::int64_t> shape = stored_IO ? std::vector{in, out} : std::vector{out, in};
  Taken taken;
  taken.weight_OI = reader_.copy(stored(name + ".weight"), shape);
  if (stored_IO) taken.weight_OI = taken.weight_OI.t().contiguous();
  if (options.bias) taken.bias_O = reader_.copy(stored(name + ".bias"), {out});
  taken.module = {.out = out, .weight_is_IO = stored_IO, .has_bias = options.bias};
  fan_in_fan_out_ = fan_in_fan_out_ || stored_IO;
  adapt(taken, name, role);
  return taken;
}

void ModelBuilder::adapt(Taken& taken, const std::string& name, Role role) {
  AdaptedModule& module = taken.module;
  modules_.push_back(name);
  if (role == Role::inner) linears_.push_back(name);
  const std::int64_t out = taken.weight_OI.size(0), in = taken.weight_OI.size(1);
  if (trained_whole(name, role == Role::inner)) {
    const at::Tensor weight = module.weight_is_IO ? taken.weight_OI.t() : taken.weight_OI;
    module.weight = train(name + ".weight", weight.sizes().vec(), start_as(weight));
    if (module.has_bias) module.bias = train(name + ".bias", {out}, start_as(taken.bias_O));
    return;
  }
  const bool extra = adapter_.method == AdapterMethod::lora || adapter_.method == AdapterMethod::ia3;
  const bool meant = extra && (role == Role::inner || !adapter_.target_modules.all_linear) && is_target(adapter_, name);
  if (meant) adapted_.push_back(name);
  if (module.has_bias && (trains_all_biases() || (meant && adapter_.bias == AdapterBias::lora_only)))
    module.bias = train(name + (meant ? ".base_layer.bias" : ".bias"), {out}, start_as(taken.bias_O));
  if (!meant) return;
  if (adapter_.method == AdapterMethod::lora) return place_low_rank(taken, name);
  const bool inputs = is_feedforward(adapter_, name);
  (inputs ? module.input_scale : module.output_scale) = train(
      name + ".ia3_l", inputs ? std::vector<std::int64_t>{1, in} : std::vector<std::int64_t>{out, 1}, start_with(1));
}

void ModelBuilder::place_low_rank(Taken& taken, const std::string& name) {
  AdaptedModule& module = taken.module;
  const std::string root(kAdapterRoot);
  const LowRankShape shape{.a_name = root + name + ".lora_A.weight",
                           .b_name = root + name + ".lora_B.weight",
                           .in = taken.weight_OI.size(1),
                           .out = taken.weight_OI.size(0),
                           .rank = rank_of(adapter_, name),
                           .scale = scale_of(adapter_, name),
                           .place = request_.adapter_place};
  module.scale = shape.scale;
  module.dropout = adapter_.dropout;
  // The pair's product is zero at the start, or taken out of the weight: these are the lengths with it.
  if (adapter_.decomposed)
    module.magnitude = train(name + ".lora_magnitude_vector", {shape.out},
                             start_as(at::linalg_vector_norm(taken.weight_OI, 2, at::IntArrayRef{1})));
  LowRankStart start = start_low_rank(adapter_.init, shape, taken.weight_OI);
  module.a = train(name + ".lora_A.weight", {shape.rank, shape.in}, std::move(start.a_RI));
  module.b = train(name + ".lora_B.weight", {shape.out, shape.rank}, std::move(start.b_OR));
}

// Checkpoints converted from TensorFlow call scale and shift gamma and beta.
Norm ModelBuilder::norm(const std::string& name, std::int64_t width, double epsilon, NormKind kind) {
  const bool old = has(name + ".gamma"), whole = trained_whole(name, false);
  modules_.push_back(name);
  const auto tensor = [&](const char* leaf, const char* old_leaf, bool trained) {
    at::Tensor frozen = reader_.copy(stored(name + (old ? old_leaf : leaf)), {width});
    return trained ? Parameter::trained_as(train(name + leaf, {width}, start_as(frozen))) : Parameter(frozen);
  };
  Parameter scale = tensor(".weight", ".gamma", whole);
  if (kind == NormKind::rms) return {std::move(scale), {}, epsilon};
  Parameter shift = tensor(".bias", ".beta", whole || trains_all_biases());
  return {std::move(scale), std::move(shift), epsilon};
}

Linear ModelBuilder::language_head(const std::string& name, std::int64_t in, std::int64_t out,
                                   const at::Tensor& tied_OI) {
  Taken taken{.weight_OI = tied_OI, .bias_O = {}, .module = {.out = out, .has_bias = false}};
  if (!tied_OI.defined() || has(name + ".weight")) taken.weight_OI = reader_.view(stored(name + ".weight"), {out, in});
  const bool tied = tied_OI.defined() && at::equal(taken.weight_OI, tied_OI);
  if (tied) taken.weight_OI = tied_OI;  // one of them in memory
  if (tied_OI.defined() && !tied)
    notes_.push_back(checkpoint_.folder().string() + ": its " + name +
                     " is another one than the table of tokens, though config.json says tie_word_embeddings; it is "
                     "taken as it is, as transformers does");
  if (tied && adapter_.changes_base() && !adapter_.target_modules.all_linear && is_target(adapter_, name))
    fail_adapter("init_lora_weights",
                 "pissa and olora take their start out of " + name +
                     ", which is tied to the table of tokens; choose another start, or leave it out of target_modules");
  adapt(taken, name, Role::head);
  return {taken.weight_OI, at::Tensor(), {taken.module}};
}

std::int64_t ModelBuilder::padding_row(std::int64_t rows, std::optional<std::int64_t> fallback) const {
  if (!config().has("pad_token_id") && !fallback) return -1;
  auto row = static_cast<std::int64_t>(config().number("pad_token_id", static_cast<double>(fallback.value_or(-1))));
  if (row < 0) row += rows;
  return row >= 0 && row < rows ? row : -1;
}

Embedding ModelBuilder::embedding(const std::string& name, std::int64_t rows, std::int64_t width,
                                  std::int64_t padding) {
  modules_.push_back(name);
  const std::string tensor = name + ".weight";
  const at::Tensor frozen = reader_.view(stored(tensor), {rows, width});
  if (trained_whole(name, false))
    return {frozen, {.whole = train(tensor, {rows, width}, start_as(frozen)), .a_RV = {}, .b_DR = {}}, padding};
  if (adapter_.method != AdapterMethod::lora || adapter_.target_modules.all_linear || !is_target(adapter_, name))
    return {frozen, {}};
  if (adapter_.decomposed)
    fail_adapter("use_dora", name +
                                 " is an embedding, which DoRA is not computed for; leave it out of target_modules, or "
                                 "name it in exclude_modules");
  adapted_.push_back(name);
  const std::int64_t rank = rank_of(adapter_, name);
  const std::string b = name + ".lora_embedding_B";
  return {frozen,
          {.whole = {},
           .a_RV = train(name + ".lora_embedding_A", {rank, rows}, start_with(0)),
           .b_DR = train(b, {width, rank}, start_normal(std::string(kAdapterRoot) + b, 1)),
           .scale = scale_of(adapter_, name)},
          padding};
}

Parameter ModelBuilder::table(const std::string& name, std::int64_t rows, std::int64_t width) {
  modules_.push_back(name);
  const std::string tensor = name + ".weight";
  if (!trained_whole(name, false)) return Parameter(reader_.view(stored(tensor), {rows, width}));
  return Parameter::trained_as(train(tensor, {rows, width}, start_as(reader_.copy(stored(tensor), {rows, width}))));
}

Parameter ModelBuilder::parameter(const std::string& name, std::vector<std::int64_t> shape) {
  const std::string module = name.substr(0, name.rfind('.'));
  modules_.push_back(module);
  at::Tensor frozen = reader_.copy(stored(name), shape);
  if (!trained_whole(module, false) && !(trains_all_biases() && name.ends_with(".bias"))) return Parameter(frozen);
  return Parameter::trained_as(train(name, std::move(shape), start_as(frozen)));
}

}  // namespace weft::models
