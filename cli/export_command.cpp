// weft export: an adapter as a PEFT folder of its own, or merged into its base as a Hugging Face folder.
#include <CLI/CLI.hpp>
#include <cstdio>
#include <memory>

#include "cli/adapter_folder.h"
#include "cli/commands.h"
#include "common/base/log.h"
#include "common/checkpoint/merge.h"
#include "common/models/checkpoint.h"

namespace weft::cli {
namespace {

struct Flags {
  std::string adapter, out, model;
  bool merge = false, force = false;
};

void check(const FoundAdapter& adapter, const std::filesystem::path& base, const Flags& flags) {
  if (flags.force) return;
  if (!adapter.peft.facts)
    log::warn(adapter.folder.string() + " has no weft.json, so its base model cannot be checked by digest");
  check_base(adapter, base, models::Checkpoint(base).digest());
}

int merge(const FoundAdapter& adapter, const Flags& flags) {
  const std::filesystem::path base = base_folder_of(adapter, flags.model);
  check(adapter, base, flags);
  checkpoint::write_merged(base, adapter.peft, flags.out);
  std::printf("merged %s into %s: %s loads with transformers, without PEFT\n", adapter.folder.c_str(), base.c_str(),
              flags.out.c_str());
  return 0;
}

// read_peft_folder has checked all of it; what is written is what was understood.
int copy(FoundAdapter adapter, const Flags& flags) {
  if (!flags.model.empty()) {
    const std::filesystem::path base = base_folder_of(adapter, flags.model);
    check(adapter, base, flags);
    adapter.peft.config.base_model = std::filesystem::absolute(base).lexically_normal().string();
  }
  checkpoint::write_peft_folder(flags.out, adapter.peft);
  std::printf("copied %s to %s: it loads with PeftModel.from_pretrained, base model %s\n", adapter.folder.c_str(),
              flags.out.c_str(), adapter.peft.config.base_model.c_str());
  return 0;
}

}  // namespace

void add_export(CLI::App& app, Chosen& chosen) {
  CLI::App* command = app.add_subcommand("export", "Write an adapter, or the model merged with it, to a new folder");
  const auto flags = std::make_shared<Flags>();
  command->add_option("adapter", flags->adapter, "PEFT folder, or the run folder that holds adapter/")->required();
  command->add_option("--out", flags->out, "Folder to make")->required();
  command->add_flag("--merge", flags->merge, "Fold the adapter into its base: a Hugging Face folder");
  command->add_option("--model", flags->model, "Folder of the base model (default: the one that the adapter names)");
  command->add_flag("--force", flags->force, "Do not check that the base model is the one that was trained on");
  command->footer("Example:\n  weft export runs/sentiment --merge --out sentiment-model");
  command->callback([=, &chosen] {
    chosen = [=] {
      FoundAdapter adapter = find_adapter(flags->adapter);
      return flags->merge ? merge(adapter, *flags) : copy(std::move(adapter), *flags);
    };
  });
}

}  // namespace weft::cli
