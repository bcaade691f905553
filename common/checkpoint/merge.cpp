// Writing the merged folder.
#include "common/checkpoint/merge.h"

#include <algorithm>
#include <nlohmann/json.hpp>

#include "common/base/file.h"
#include "common/checkpoint/half.h"
#include "common/checkpoint/merge_plan.h"
#include "common/checkpoint/new_folder.h"
#include "common/checkpoint/tensor_writer.h"

namespace weft::checkpoint {
namespace {

using Json = nlohmann::ordered_json;

// What transformers' tokenizers load; those of these that the base has are copied.
constexpr std::string_view kTokenizerFiles[] = {
    "tokenizer.json",
    "tokenizer_config.json",
    "special_tokens_map.json",
    "added_tokens.json",
    "vocab.txt",
    "vocab.json",
    "merges.txt",
    "spiece.model",
};

Json read_config(const std::filesystem::path& file) {
  const Result<std::string> text = read_text(file);
  if (!text) throw ConfigError(text.error().message);
  Json config = Json::parse(text.value(), nullptr, false);
  if (!config.is_object()) throw ConfigError(file.string() + ": not a JSON object");
  return config;
}

const HeadRule& rule_for(const Json& config, const std::filesystem::path& file) {
  const Json type = config.value("model_type", Json());
  std::string known;
  for (const HeadRule& rule : head_rules()) {
    if (type == std::string(rule.model_type)) return rule;
    known += (known.empty() ? "" : ", ") + std::string(rule.model_type);
  }
  throw ConfigError(file.string() + ": model_type is " + type.dump() + ", a merged model can be written for: " + known);
}

std::size_t class_count(const PeftFolder& adapter, const HeadRule& rule) {
  if (adapter.facts) return adapter.facts->labels.size();
  std::size_t classes = 0;  // the head's last linear layer comes last in the order of names
  for (const TensorSpec& spec : adapter.state.manifest->tensors())
    for (const std::string_view head : rule.heads)
      if (spec.name.starts_with("base_model.model." + std::string(head)) && spec.name.ends_with("weight"))
        classes = static_cast<std::size_t>(spec.shape[0]);
  return classes;
}

void add_head(Json& config, const PeftFolder& adapter, const HeadRule& rule) {
  config["architectures"] = {rule.architecture};
  config.erase("_name_or_path");
  Json id2label = Json::object(), label2id = Json::object();
  for (std::size_t i = 0; i < class_count(adapter, rule); ++i) {
    const std::string label = adapter.facts ? adapter.facts->labels[i] : "LABEL_" + std::to_string(i);
    id2label[std::to_string(i)] = label;
    label2id[label] = i;
  }
  if (id2label.empty()) return;  // the adapter has no head: the base's own stays
  config["num_labels"] = id2label.size();
  config["id2label"] = id2label;
  config["label2id"] = label2id;
  config["problem_type"] = "single_label_classification";
}

TensorPlan plan_of(const MergedTensor& tensor) {
  if (tensor.base == nullptr) return {tensor.name, DType::f32, tensor.whole->shape, tensor.whole->size * sizeof(float)};
  return {tensor.name, tensor.base->dtype, tensor.base->shape, tensor.base->bytes.size()};
}

void write_tensor(TensorWriter& writer, const MergedTensor& tensor, const PeftFolder& adapter) {
  const DType dtype = plan_of(tensor).dtype;
  if (tensor.whole != nullptr) return writer.put(narrow(adapter.state.tensor(tensor.whole->name), dtype));
  if (tensor.module.empty()) return writer.put(tensor.base->bytes);
  const std::string a = tensor.module + ".lora_A.weight", b = tensor.module + ".lora_B.weight";
  const DeltaShape shape{.out = adapter.state.manifest->find(b)->shape[0],
                         .in = adapter.state.manifest->find(a)->shape[1],
                         .rank = adapter.config.rank,
                         .transposed = adapter.config.fan_in_fan_out};
  std::vector<float> weight = widen(*tensor.base);
  add_scaled_product(weight, adapter.state.tensor(b), adapter.state.tensor(a), shape, adapter.config.scale());
  if (dtype == DType::f32) return writer.put(bytes_of(std::span<const float>(weight)));
  writer.put(narrow(weight, dtype));
}

void copy_tokenizer(const std::filesystem::path& from, const std::filesystem::path& to) {
  for (const std::string_view name : kTokenizerFiles) {
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

void write_merged(const std::filesystem::path& base, const PeftFolder& adapter, const std::filesystem::path& out) {
  if (std::filesystem::exists(out) && !std::filesystem::is_empty(out))
    throw Failure(out.string() + " exists and is not empty; nothing was written. Choose another folder");
  Json config = read_config(base / "config.json");
  const HeadRule& rule = rule_for(config, base / "config.json");
  const Result<Safetensors> tensors = Safetensors::open(base);
  if (!tensors) throw ConfigError(tensors.error().message);
  const std::vector<MergedTensor> plan = plan_merge(tensors.value(), adapter, rule);
  std::vector<TensorPlan> layout;
  for (const MergedTensor& tensor : plan) layout.push_back(plan_of(tensor));

  NewFolder folder(out);
  TensorWriter writer(folder.working() / "model.safetensors", std::move(layout));
  for (const MergedTensor& tensor : plan) write_tensor(writer, tensor, adapter);
  writer.close();
  add_head(config, adapter, rule);
  if (const Status written = write_atomic(folder.working() / "config.json", as_bytes(config.dump(2) + "\n")); !written)
    throw Failure(written.error().message);
  copy_tokenizer(base, folder.working());
  folder.publish();
}

}  // namespace weft::checkpoint
