// Writing the merged folder.
#include "common/checkpoint/merge.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <nlohmann/json.hpp>
#include <utility>

#include "common/adapter/module_rules.h"
#include "common/base/file.h"
#include "common/base/json_depth.h"
#include "common/checkpoint/merge_plan.h"
#include "common/checkpoint/new_folder.h"
#include "common/checkpoint/tensor_writer.h"
#include "common/tensor/half.h"

namespace weft::checkpoint {
namespace {

using Json = nlohmann::ordered_json;

// What transformers loads beside config and weights; those of these that the base has are copied.
constexpr std::string_view kCopiedFiles[] = {
    "tokenizer.json",
    "tokenizer_config.json",
    "special_tokens_map.json",
    "added_tokens.json",
    "vocab.txt",
    "vocab.json",
    "merges.txt",
    "tokenizer.model",
    "spiece.model",
    "sentencepiece.bpe.model",
    "chat_template.jinja",
    "chat_template.json",
    "generation_config.json",
    "preprocessor_config.json",
    "processor_config.json",
};

// transformers' names of what a head of sequence classification says, by ours.
constexpr std::array<std::pair<std::string_view, const char*>, 3> kProblems{
    {{"single_label", "single_label_classification"},
     {"multi_label", "multi_label_classification"},
     {"regression", "regression"}}};

Json read_config(const std::filesystem::path& file) {
  const Result<std::string> text = read_text(file);
  if (!text) throw ConfigError(text.error().message);
  Json config = Json::parse(shallow_json(text.value()), nullptr, false);
  if (!config.is_object()) throw ConfigError(file.string() + ": not a JSON object");
  return config;
}

const FamilyNames& names_for(const Json& config, const std::filesystem::path& file) {
  const Json type = config.value("model_type", Json());
  std::string known;
  for (const FamilyNames& names : family_names()) {
    if (type == std::string(names.model_type)) return names;
    known += (known.empty() ? "" : ", ") + std::string(names.model_type);
  }
  throw ConfigError(file.string() + ": model_type is " + (type.is_structured() ? type.type_name() : type.dump()) +
                    ", a merged model can be written for: " + known);
}

// The head of the model that the base's config names.
const FamilyHead* head_of_base(const FamilyNames& names, const Json& config) {
  const Json architectures = config.value("architectures", Json());
  if (!architectures.is_array() || architectures.empty()) return nullptr;
  const auto found = std::find_if(names.heads.begin(), names.heads.end(), [&](const FamilyHead& head) {
    return architectures[0] == std::string(head.architecture);
  });
  return found == names.heads.end() ? nullptr : &*found;
}

// The head of the adapter's task. Where no task is known: the family's only head, or the one that the base has.
const FamilyHead& head_for(const FamilyNames& names, const PeftFolder& adapter, const Json& config,
                           const std::filesystem::path& file) {
  if (!adapter.config.task) {
    if (names.heads.size() == 1) return names.heads.front();
    if (const FamilyHead* head = head_of_base(names, config)) return *head;
    std::string known;
    for (const FamilyHead& head : names.heads) known.append(known.empty() ? "" : ", ").append(head.architecture);
    throw ConfigError("the adapter's task_type is not known, and \"architectures\" of " + file.string() +
                      " names none of " + known +
                      ". Write the task_type (SEQ_CLS, TOKEN_CLS or CAUSAL_LM) into adapter_config.json");
  }
  const FamilyHead* head = names.head(*adapter.config.task);
  if (head == nullptr)
    throw ConfigError(file.string() + ": a " + std::string(names.model_type) + " cannot do the adapter's task, " +
                      std::string(name_of(*adapter.config.task)));
  return *head;
}

// Rows of the layer that the head ends in, as they are merged; 0: the model has none.
std::size_t class_count(const std::vector<MergedTensor>& plan, const FamilyHead& head) {
  if (head.modules.empty()) return 0;
  const std::string name = std::string(head.modules.back()) + ".weight";
  const auto last = std::find_if(plan.begin(), plan.end(), [&](const auto& tensor) { return tensor.name == name; });
  if (last == plan.end()) return 0;
  return static_cast<std::size_t>(last->whole != nullptr ? last->whole->shape.at(0) : last->base->shape.at(0));
}

const char* problem_type(const std::string& problem) {
  for (const auto& [name, type] : kProblems)
    if (name == problem) return type;
  throw ConfigError("weft.json: \"problem\" is \"" + problem + "\", expected single_label, multi_label or regression");
}

void add_head(Json& config, const PeftFolder& adapter, const FamilyHead& head, std::size_t classes) {
  config["architectures"] = {head.architecture};
  config.erase("_name_or_path");
  if (head.task == TaskKind::causal_lm || head.task == TaskKind::image_text) return;
  const bool named = adapter.facts && !adapter.facts->labels.empty();
  const Json base = config.value("id2label", Json());
  if (classes == 0 || (!named && base.is_object() && base.size() == classes)) return;  // the base's own stay
  Json id2label = Json::object(), label2id = Json::object();
  for (std::size_t i = 0; i < classes; ++i) {
    const std::string label =
        named && i < adapter.facts->labels.size() ? adapter.facts->labels[i] : "LABEL_" + std::to_string(i);
    id2label[std::to_string(i)] = label;
    label2id[label] = i;
  }
  config["num_labels"] = classes;
  config["id2label"] = id2label;
  config["label2id"] = label2id;
  if (head.task == TaskKind::sequence_classification && adapter.facts)
    config["problem_type"] = problem_type(adapter.facts->problem);
}

TensorPlan plan_of(const MergedTensor& tensor) {
  if (tensor.base == nullptr) return {tensor.name, DType::f32, tensor.whole->shape, tensor.whole->size * sizeof(float)};
  return {tensor.name, tensor.base->dtype, tensor.base->shape, tensor.base->bytes.size()};
}

void add_pair(std::span<float> weight, const MergedTensor& tensor, const PeftFolder& adapter) {
  const DeltaShape shape{
      .out = tensor.b->shape[0], .in = tensor.a->shape[1], .rank = tensor.a->shape[0], .transposed = tensor.stored_IO};
  add_scaled_product(weight, adapter.state.tensor(tensor.b->name), adapter.state.tensor(tensor.a->name), shape,
                     scale_of(adapter.config.adapter, tensor.module));
  if (tensor.magnitude != nullptr) set_lengths(weight, adapter.state.tensor(tensor.magnitude->name), shape);
}

// A column of factors [O, 1] scales rows of a weight [O, I]; a row [1, I] its columns; for a weight [I, O] the reverse.
void multiply(std::span<float> values, const MergedTensor& tensor, const PeftFolder& adapter) {
  const auto factors = adapter.state.tensor(tensor.scale->name);
  const bool of_outputs = tensor.scale->shape[1] == 1, bias = tensor.base->shape.size() == 1;
  const bool by_row = bias || of_outputs != tensor.stored_IO;
  const std::size_t columns = bias ? 1 : static_cast<std::size_t>(tensor.base->shape[1]);
  for (std::size_t i = 0; i < values.size(); ++i) values[i] *= factors[by_row ? i / columns : i % columns];
}

void write_tensor(TensorWriter& writer, const MergedTensor& tensor, const PeftFolder& adapter) {
  const DType dtype = plan_of(tensor).dtype;
  if (tensor.whole != nullptr) return writer.put(narrow(adapter.state.tensor(tensor.whole->name), dtype));
  if (tensor.a == nullptr && tensor.scale == nullptr) return writer.put(tensor.base->bytes);
  std::vector<float> values = widen(*tensor.base);
  if (tensor.a != nullptr) add_pair(values, tensor, adapter);
  if (tensor.scale != nullptr) multiply(values, tensor, adapter);
  if (dtype == DType::f32) return writer.put(bytes_of(std::span<const float>(values)));
  writer.put(narrow(values, dtype));
}

// What an adapter has on the table of tokens is not on the language head that is the same tensor, nor the reverse.
bool gets_untied(const PeftFolder& adapter, const FamilyNames& names, const FamilyHead& head, const Json& config) {
  if (head.task != TaskKind::causal_lm || config.value("tie_word_embeddings", Json(names.tied)) != true) return false;
  const auto tensors = adapter.state.manifest->tensors();
  return std::any_of(tensors.begin(), tensors.end(), [&](const TensorSpec& spec) {
    const auto in = [&](std::string_view module) {
      return spec.name.starts_with(std::string(kAdapterRoot).append(module).append("."));
    };
    return in(names.tokens) || in(head.modules.front());
  });
}

void copy_rest(const std::filesystem::path& from, const std::filesystem::path& to) {
  for (const std::string_view name : kCopiedFiles) {
    if (!std::filesystem::exists(from / name)) continue;
    std::error_code error;
    std::filesystem::copy_file(from / name, to / name, error);
    if (error) throw Failure("cannot copy " + (from / name).string() + ": " + error.message());
  }
}

}  // namespace

void add_scaled_product(std::span<float> w, std::span<const float> b_OR, std::span<const float> a_RI,
                        const DeltaShape& shape, double scale) {
  const auto out = static_cast<std::size_t>(shape.out), in = static_cast<std::size_t>(shape.in),
             rank = static_cast<std::size_t>(shape.rank);
  WEFT_CHECK(w.size() == out * in && b_OR.size() == out * rank && a_RI.size() == rank * in, "shapes of a merge");
  std::vector<double> row(in);
  for (std::size_t o = 0; o < out; ++o) {
    std::fill(row.begin(), row.end(), 0.0);
    for (std::size_t r = 0; r < rank; ++r) {
      const double b = b_OR[o * rank + r];
      for (std::size_t i = 0; i < in; ++i) row[i] += b * a_RI[r * in + i];
    }
    for (std::size_t i = 0; i < in; ++i) {
      float& weight = shape.transposed ? w[i * out + o] : w[o * in + i];
      weight = static_cast<float>(weight + scale * row[i]);
    }
  }
}

void set_lengths(std::span<float> w, std::span<const float> lengths_O, const DeltaShape& shape) {
  const auto out = static_cast<std::size_t>(shape.out), in = static_cast<std::size_t>(shape.in);
  WEFT_CHECK(w.size() == out * in && lengths_O.size() == out, "shapes of a merge");
  for (std::size_t o = 0; o < out; ++o) {
    const auto at = [&](std::size_t i) -> float& { return shape.transposed ? w[i * out + o] : w[o * in + i]; };
    double square = 0;
    for (std::size_t i = 0; i < in; ++i) square += static_cast<double>(at(i)) * at(i);
    const double factor = lengths_O[o] / std::sqrt(square);
    for (std::size_t i = 0; i < in; ++i) at(i) = static_cast<float>(at(i) * factor);
  }
}

void write_merged(const std::filesystem::path& base, const PeftFolder& adapter, const std::filesystem::path& out) {
  if (std::filesystem::exists(out) && !std::filesystem::is_empty(out))
    throw ConfigError(out.string() + " exists and is not empty; nothing was written. Choose another folder");
  Json config = read_config(base / "config.json");
  const FamilyNames& names = names_for(config, base / "config.json");
  const FamilyHead& head = head_for(names, adapter, config, base / "config.json");
  if (adapter.config.adapter.changes_base())
    throw ConfigError(
        "the adapter began as a part of the base's weights (PiSSA or OLoRA) and fits a base that has lost it, so it "
        "cannot be merged; save it as plain LoRA (PEFT: save_pretrained with "
        "path_initial_model_for_weight_conversion)");
  const Result<Safetensors> tensors = Safetensors::open(base);
  if (!tensors) throw ConfigError(tensors.error().message);
  const bool untied = gets_untied(adapter, names, head, config);
  const std::vector<MergedTensor> plan =
      plan_merge(tensors.value(), adapter, {.names = names, .head = head, .untied = untied});
  std::vector<TensorPlan> layout;
  for (const MergedTensor& tensor : plan) layout.push_back(plan_of(tensor));

  NewFolder folder(out);
  TensorWriter writer(folder.working() / "model.safetensors", std::move(layout));
  for (const MergedTensor& tensor : plan) write_tensor(writer, tensor, adapter);
  writer.close();
  add_head(config, adapter, head, class_count(plan, head));
  if (untied) config["tie_word_embeddings"] = false;
  if (const Status written = write_atomic(folder.working() / "config.json", as_bytes(config.dump(2) + "\n")); !written)
    throw Failure(written.error().message);
  copy_rest(base, folder.working());
  folder.publish();
}

}  // namespace weft::checkpoint
