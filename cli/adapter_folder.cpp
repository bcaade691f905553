// Finding adapters and their base models.
#include "cli/adapter_folder.h"

#include "common/base/joined.h"
#include "common/models/checkpoint.h"

namespace weft::cli {
namespace {

constexpr const char* kConfigFile = "adapter_config.json";

constexpr std::size_t kShown = 6;

}  // namespace

FoundAdapter find_adapter(const std::filesystem::path& path) {
  FoundAdapter found;
  found.folder = std::filesystem::absolute(path).lexically_normal();
  if (!found.folder.has_filename()) found.folder = found.folder.parent_path();
  if (!std::filesystem::exists(found.folder / kConfigFile) &&
      std::filesystem::exists(found.folder / "adapter" / kConfigFile))
    found.folder /= "adapter";
  if (!std::filesystem::exists(found.folder / kConfigFile))
    throw ConfigError(found.folder.string() + " holds no " + kConfigFile +
                      "; give the folder of an adapter, such as RUN_FOLDER/adapter (a run writes it when it ends)");
  Result<checkpoint::PeftFolder> peft = checkpoint::read_peft_folder(found.folder);
  if (!peft) throw ConfigError(peft.error().message);
  found.peft = std::move(peft).value();
  const std::filesystem::path run_file = found.folder.parent_path() / "config.yaml";
  if (std::filesystem::exists(run_file)) found.run_file = run_file;
  return found;
}

std::filesystem::path config_file_of(const FoundAdapter& adapter) { return adapter.folder / kConfigFile; }
std::string place_of(const FoundAdapter& adapter) { return config_file_of(adapter).string() + ": "; }

std::filesystem::path base_folder_of(const FoundAdapter& adapter, const std::string& model_flag) {
  const std::filesystem::path base = model_flag.empty() ? adapter.peft.config.base_model : model_flag;
  if (std::filesystem::is_directory(base)) return base;
  if (!model_flag.empty()) throw ConfigError("--model: there is no folder " + model_flag);
  throw ConfigError(place_of(adapter) + "base_model_name_or_path is \"" + base.string() +
                    "\", which is no folder on this machine; name the base model's with --model DIR");
}

void check_base(const FoundAdapter& adapter, const std::filesystem::path& base, const std::string& digest) {
  if (const Status fits = checkpoint::check_base_copies(adapter.peft, base); !fits)
    throw ConfigError(adapter.folder.string() + ": " + fits.error().message + " (--model DIR), or pass --force");
  if (!adapter.peft.facts || adapter.peft.facts->base_digest == digest) return;
  throw ConfigError("the base model at " + base.string() + " has digest " + digest + ", the adapter at " +
                    adapter.folder.string() + " was trained on " + adapter.peft.facts->base_digest +
                    "; name that model's folder with --model DIR, or pass --force to go on with this one");
}

std::string differences(const Manifest& adapter, const Manifest& model) {
  std::vector<std::string> missing, extra, other;
  for (const TensorSpec& spec : model.tensors()) {
    const TensorSpec* got = adapter.find(spec.name);
    if (got == nullptr)
      missing.push_back(spec.name + " " + models::shape_text(spec.shape));
    else if (got->shape != spec.shape)
      other.push_back(spec.name + ": got " + models::shape_text(got->shape) + ", expected " +
                      models::shape_text(spec.shape));
  }
  for (const TensorSpec& spec : adapter.tensors())
    if (model.find(spec.name) == nullptr) extra.push_back(spec.name + " " + models::shape_text(spec.shape));
  return listed("not in the adapter", missing, kShown) + listed("of another shape", other, kShown) +
         listed("not of the model", extra, kShown);
}

}  // namespace weft::cli
