// Adapter folders: what may be replaced, and what is checked on the way in.
#include "common/checkpoint/peft_folder.h"

#include <cmath>

#include "common/base/file.h"
#include "common/checkpoint/new_folder.h"
#include "common/checkpoint/peft_json.h"
#include "common/tensor/safetensors.h"

namespace weft::checkpoint {
namespace {

constexpr const char *kConfigFile = "adapter_config.json", *kTensorFile = "adapter_model.safetensors",
                     *kFactsFile = "weft.json";

Error in_file(const std::filesystem::path& file, const std::string& problem) {
  return {file.string() + ": " + problem};
}

template <class T>
Result<T> parse_file(const std::filesystem::path& file, Result<T> (*parse)(const std::string&)) {
  const Result<std::string> text = read_text(file);
  if (!text) return text.error();
  Result<T> parsed = parse(text.value());
  if (!parsed) return in_file(file, parsed.error().message);
  return parsed;
}

// Throws if something stands at `folder` that this run did not write.
void check_may_replace(const std::filesystem::path& folder, const std::optional<AdapterFacts>& facts) {
  if (!std::filesystem::exists(folder)) return;
  if (std::filesystem::is_directory(folder) && std::filesystem::is_empty(folder)) return;
  const std::string remedy = "; nothing was written. Choose another folder or move this one away";
  const auto there = parse_file(folder / kFactsFile, &parse_adapter_facts);
  if (!there) throw Failure(folder.string() + " holds something that weft did not write" + remedy);
  if (!facts || there.value().run_id != facts->run_id)
    throw Failure(folder.string() + " holds an adapter of another run (" + there.value().run + ", " +
                  there.value().run_id + ")" + remedy);
}

bool ends_with(const std::string& name, const std::string& ending) { return name.ends_with(ending); }

// Every low-rank pair is complete and has the config's rank.
Status check_tensors(const PeftFolder& adapter) {
  const std::string root = "base_model.model.", a = ".lora_A.weight", b = ".lora_B.weight";
  const std::int64_t rank = adapter.config.rank;
  for (const TensorSpec& spec : adapter.state.manifest->tensors()) {
    const auto problem = [&](const std::string& text) { return Error{"tensor \"" + spec.name + "\" " + text}; };
    if (!spec.name.starts_with(root)) return problem("does not begin with " + root);
    if (!ends_with(spec.name, a) && !ends_with(spec.name, b)) {
      if (spec.name.find(".lora_") != std::string::npos) return problem("is of a variant of LoRA that is not known");
      continue;
    }
    const bool is_a = ends_with(spec.name, a);
    const std::string stem = spec.name.substr(0, spec.name.size() - a.size());
    if (adapter.state.manifest->find(stem + (is_a ? b : a)) == nullptr)
      return problem(std::string("has no partner ") + (is_a ? "lora_B" : "lora_A"));
    const std::size_t rank_axis = is_a ? 0 : 1;
    if (spec.shape.size() != 2 || spec.shape[rank_axis] != rank)
      return problem("does not have the rank " + std::to_string(rank) + " of adapter_config.json in dimension " +
                     std::to_string(rank_axis));
  }
  return Ok{};
}

}  // namespace

double PeftConfig::scale() const {
  const auto r = static_cast<double>(rank);
  return alpha / (rank_stabilized ? std::sqrt(r) : r);
}

void write_peft_folder(const std::filesystem::path& folder, const PeftFolder& adapter) {
  const Status fits = check_tensors(adapter);
  WEFT_CHECK(fits, fits.error().message);
  check_may_replace(folder, adapter.facts);
  NewFolder fresh(folder);
  const auto put = [&](const char* name, ByteSpan content) {
    if (const Status written = write_atomic(fresh.working() / name, content); !written)
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
  const auto file = folder / kTensorFile;
  const Result<Safetensors> tensors = Safetensors::open(file);
  if (!tensors) return tensors.error();
  Result<StateDict> state = state_dict_from(tensors.value());
  if (!state) return in_file(file, state.error().message);
  adapter.state = std::move(state).value();
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

}  // namespace weft::checkpoint
