// Adapter folders: what may be replaced, and what is checked on the way in.
#include "common/checkpoint/peft_folder.h"

#include <algorithm>
#include <cmath>
#include <utility>

#include "common/adapter/module_rules.h"
#include "common/base/digest.h"
#include "common/base/file.h"
#include "common/checkpoint/new_folder.h"
#include "common/checkpoint/peft_json.h"
#include "common/tensor/half.h"
#include "common/tensor/safetensors.h"

namespace weft::checkpoint {
namespace {

constexpr const char *kConfigFile = "adapter_config.json", *kTensorFile = "adapter_model.safetensors",
                     *kTorchFile = "adapter_model.bin", *kFactsFile = "weft.json";

Error in_file(const std::filesystem::path& file, const std::string& problem) {
  return {file.string() + ": " + problem};
}

template <class T>
Result<T> parse_file(const std::filesystem::path& file, Result<T> (*parse)(const std::string&),
                     Disk& disk = system_disk()) {
  const Result<MappedFile> content = disk.read(file);
  if (!content) return content.error();
  Result<T> parsed = parse(std::string(as_text(content.value().bytes())));
  if (!parsed) return in_file(file, parsed.error().message);
  return parsed;
}

// Throws if something stands at `folder` that this run did not write.
void check_may_replace(const std::filesystem::path& folder, const std::optional<AdapterFacts>& facts, Disk& disk) {
  if (!disk.exists(folder)) return;
  if (disk.is_folder(folder) && disk.list(folder).empty()) return;
  const std::string remedy = "; nothing was written. Choose another folder or move this one away";
  const auto there = parse_file(folder / kFactsFile, &parse_adapter_facts, disk);
  if (!there) throw ConfigError(folder.string() + " holds something that weft did not write" + remedy);
  if (!facts || there.value().run_id != facts->run_id)
    throw ConfigError(folder.string() + " holds an adapter of another run (" + there.value().run + ", " +
                      there.value().run_id + ")" + remedy);
}

constexpr std::string_view kA = ".lora_A.weight", kMagnitude = ".lora_magnitude_vector", kScale = ".ia3_l";

// The two of a low-rank pair: A has its rank in its rows, B in its columns.
struct Half {
  std::string_view ending, partner;
  std::size_t rank_axis;
};
constexpr Half kHalves[] = {{kA, ".lora_B.weight", 0},
                            {".lora_B.weight", kA, 1},
                            {".lora_embedding_A", ".lora_embedding_B", 0},
                            {".lora_embedding_B", ".lora_embedding_A", 1}};

const Half* half_of_pair(const std::string& name) {
  const auto* found = std::find_if(std::begin(kHalves), std::end(kHalves),
                                   [&](const Half& half) { return name.ends_with(half.ending); });
  return found == std::end(kHalves) ? nullptr : found;
}

// Every low-rank pair is complete and has the config's rank, and all is of the config's method.
Status check_tensors(const PeftFolder& adapter) {
  const AdapterConfig& config = adapter.config.adapter;
  const Manifest& manifest = *adapter.state.manifest;
  const bool lora = config.method == AdapterMethod::lora;
  for (const TensorSpec& spec : manifest.tensors()) {
    const std::string& name = spec.name;
    const auto problem = [&](const std::string& text) {
      return Error{std::string("tensor \"").append(name).append("\" ").append(text)};
    };
    if (!name.starts_with(kAdapterRoot)) return problem("does not begin with " + std::string(kAdapterRoot));
    const auto partner = [&](std::string_view own, std::string_view other) {
      return manifest.find(name.substr(0, name.size() - own.size()).append(other)) != nullptr;
    };
    if (name.ends_with(kScale) && config.method != AdapterMethod::ia3) return problem("is not of the method LORA");
    if (name.ends_with(kMagnitude) && lora && config.decomposed && partner(kMagnitude, kA)) continue;
    if (name.ends_with(kMagnitude) && partner(kMagnitude, ".lora_embedding_A"))
      return problem(
          "is of DoRA on an embedding, which weft does not compute; train it without the embedding in "
          "target_modules, or without use_dora");
    const Half* half = half_of_pair(name);
    if (half == nullptr) {
      if (name.find(".lora_") != std::string::npos)
        return problem("is of a variant of LoRA that weft does not compute");
      continue;
    }
    if (!lora) return problem("is of LoRA, which adapter_config.json does not say");
    if (!partner(half->ending, half->partner))
      return problem("has no partner " + std::string(half->partner.substr(1)) +
                     "; a part of the adapter is missing: save or copy it again");
    if (config.decomposed && !partner(half->ending, kMagnitude))
      return problem("has no lora_magnitude_vector, though adapter_config.json says use_dora; save or copy it again");
    const std::string module =
        name.substr(kAdapterRoot.size(), name.size() - kAdapterRoot.size() - half->ending.size());
    const std::int64_t rank = rank_of(config, module);
    if (spec.shape.size() != 2 || spec.shape[half->rank_axis] != rank)
      return problem("does not have the rank " + std::to_string(rank) + " of adapter_config.json in dimension " +
                     std::to_string(half->rank_axis));
  }
  return Ok{};
}

// A weight of the base: that of an adapted embedding or language head, or, with save_embedding_layers, of a plain one.
bool is_of_base(const AdapterConfig& config, const std::string& name, const TensorView& view) {
  if (name.ends_with(".base_layer.weight")) return true;
  constexpr std::string_view kWeight = ".weight";
  if (config.method != AdapterMethod::lora && config.method != AdapterMethod::ia3) return false;
  if (half_of_pair(name) != nullptr || !name.ends_with(kWeight) || view.shape.size() != 2) return false;
  const std::string module = name.substr(0, name.size() - kWeight.size());
  return !is_saved_whole(config.modules_to_save.value_or(std::vector<std::string>{}), module);
}

// With bias "all" PEFT writes a head's bias three times: as trained, and as two parts of what wraps the head.
void take_out_copies(PeftFolder& adapter, const Safetensors& file) {
  const StateDict& state = adapter.state;
  const auto copied = [](const std::string& name) {
    return name.find(".original_module.") != std::string::npos || name.find(".modules_to_save.") != std::string::npos;
  };
  std::vector<std::pair<std::string, std::vector<std::int64_t>>> shapes;
  for (const auto& [name, view] : file.tensors()) {
    const bool of_base = is_of_base(adapter.config.adapter, name, view);
    if (!copied(name) && !of_base) shapes.emplace_back(name, view.shape);
    if (of_base)
      adapter.base_copies[name] = {.dtype = view.dtype, .shape = view.shape, .digest = sha256_hex(view.bytes)};
  }
  if (shapes.size() == state.manifest->tensors().size()) return;
  StateDict kept = StateDict::zeros(std::make_shared<const Manifest>(Manifest::build(std::move(shapes)).value()));
  for (const TensorSpec& spec : kept.manifest->tensors()) {
    const std::span<const float> from = state.tensor(spec.name);
    std::copy(from.begin(), from.end(), kept.tensor(spec.name).begin());
  }
  adapter.state = std::move(kept);
}

// Rows of `first` with those of `second` beside them.
void join(std::span<const float> first, std::span<const float> second, std::size_t rows, std::span<float> joined) {
  const std::size_t one = first.size() / rows, two = second.size() / rows;
  for (std::size_t row = 0; row < rows; ++row) {
    std::copy_n(first.begin() + static_cast<std::ptrdiff_t>(row * one), one,
                joined.begin() + static_cast<std::ptrdiff_t>(row * (one + two)));
    std::copy_n(second.begin() + static_cast<std::ptrdiff_t>(row * two), two,
                joined.begin() + static_cast<std::ptrdiff_t>(row * (one + two) + one));
  }
}

}  // namespace

void write_peft_folder(const std::filesystem::path& folder, const PeftFolder& adapter, Disk& disk) {
  const Status fits = check_tensors(adapter);
  WEFT_CHECK(fits, fits.error().message);
  check_may_replace(folder, adapter.facts, disk);
  NewFolder fresh(folder, disk);
  const auto put = [&](const char* name, ByteSpan content) {
    if (const Status written = disk.write_atomic(fresh.working() / name, content); !written)
      throw Failure(written.error().message);
  };
  put(kTensorFile, to_safetensors(adapter.state, {{"format", "pt"}}));
  put(kConfigFile, as_bytes(peft_config_json(adapter.config)));
  if (adapter.facts) put(kFactsFile, as_bytes(adapter_facts_json(*adapter.facts)));
  fresh.publish();
}

Result<PeftFolder> read_peft_folder(const std::filesystem::path& folder) {
  PeftFolder adapter;
  const auto config = parse_file(folder / kConfigFile, &parse_peft_config);
  if (!config) return config.error();
  adapter.config = config.value();
  const bool torch = !std::filesystem::exists(folder / kTensorFile) && std::filesystem::exists(folder / kTorchFile);
  const auto file = folder / (torch ? kTorchFile : kTensorFile);
  const Result<Safetensors> tensors = Safetensors::open(file);
  if (!tensors) return tensors.error();
  Result<StateDict> state = state_dict_from(tensors.value());
  if (!state) return in_file(file, state.error().message);
  adapter.state = std::move(state).value();
  take_out_copies(adapter, tensors.value());
  if (const Status fits = check_tensors(adapter); !fits) return in_file(file, fits.error().message);
  if (!std::filesystem::exists(folder / kFactsFile)) return adapter;
  const auto facts = parse_file(folder / kFactsFile, &parse_adapter_facts);
  if (!facts) return facts.error();
  adapter.facts = facts.value();
  if (adapter.facts->adapter_digest != adapter.state.digest())
    return in_file(file, "its digest is " + adapter.state.digest() + ", weft.json says " +
                             adapter.facts->adapter_digest + "; the file was changed or is torn");
  return adapter;
}

Status check_base_copies(const PeftFolder& adapter, const std::filesystem::path& base) {
  if (adapter.base_copies.empty()) return Ok{};
  const Result<Safetensors> tensors = Safetensors::open(base);
  if (!tensors) return tensors.error();
  for (const auto& entry : adapter.base_copies) {
    const std::string& name = entry.first;
    const BaseCopy& copy = entry.second;
    const auto same = [&copy](const auto& tensor) {
      const TensorView& view = tensor.second;
      if (view.shape != copy.shape) return false;
      if (view.dtype == copy.dtype) return sha256_hex(view.bytes) == copy.digest;
      return is_real(view.dtype) && sha256_hex(narrow(widen(view), copy.dtype)) == copy.digest;
    };
    if (std::none_of(tensors.value().tensors().begin(), tensors.value().tensors().end(), same))
      return Error{"the adapter was saved with " + name + ", a weight of its base, which " + base.string() +
                   " does not have; name the base model that it was trained on, such as one whose vocabulary was "
                   "changed for it"};
  }
  return Ok{};
}

PeftFolder without_changed_base(PeftFolder adapter, const StateDict& initial) {
  AdapterConfig& config = adapter.config.adapter;
  if (!config.changes_base()) return adapter;
  WEFT_CHECK(*initial.manifest == *adapter.state.manifest, "an adapter that did not begin with these tensors");
  std::vector<std::pair<std::string, std::vector<std::int64_t>>> shapes;
  for (const TensorSpec& spec : adapter.state.manifest->tensors()) {
    shapes.emplace_back(spec.name, spec.shape);
    if (const Half* half = half_of_pair(spec.name)) shapes.back().second[half->rank_axis] *= 2;
  }
  StateDict plain = StateDict::zeros(std::make_shared<const Manifest>(Manifest::build(std::move(shapes)).value()));
  for (const TensorSpec& spec : adapter.state.manifest->tensors()) {
    const std::span<const float> now = adapter.state.tensor(spec.name), then = initial.tensor(spec.name);
    const auto to = plain.tensor(spec.name);
    const Half* half = half_of_pair(spec.name);
    if (half == nullptr) {
      std::copy(now.begin(), now.end(), to.begin());
      continue;
    }
    const bool is_b = half->rank_axis == 1;
    std::vector<float> taken(then.begin(), then.end());
    if (is_b) std::transform(taken.begin(), taken.end(), taken.begin(), std::negate<>());
    join(now, taken, is_b ? static_cast<std::size_t>(spec.shape[0]) : 1, to);
  }
  adapter.state = std::move(plain);
  if (adapter.facts) adapter.facts->adapter_digest = adapter.state.digest();
  config.init = LoraInit::standard;
  // The scale stays: alpha over the rank, or over its root.
  const double more = config.rank_stabilized ? std::sqrt(2.0) : 2.0;
  config.rank *= 2;
  config.alpha *= more;
  for (auto& [pattern, rank] : config.rank_pattern) rank *= 2;
  for (auto& [pattern, alpha] : config.alpha_pattern) alpha *= more;
  return adapter;
}

}  // namespace weft::checkpoint
