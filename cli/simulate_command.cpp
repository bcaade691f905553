// weft simulate RUN.yaml: all sites of a run on this machine.
#include <unistd.h>

#include <CLI/CLI.hpp>
#include <cstdio>
#include <thread>

#include "cli/commands.h"
#include "cli/comparison.h"
#include "cli/processes.h"
#include "cli/run_place.h"
#include "cli/signals.h"
#include "cli/simulation.h"
#include "common/base/log.h"
#include "common/checkpoint/peft_folder.h"
#include "coordinator/run_folder.h"

namespace weft::cli {
namespace {

struct Flags {
  std::string run_file;
  std::vector<std::string> overrides;
  bool processes = false, compare = false;
  RunPlace place;
};

std::vector<data::SiteData> load_simulated_sites(const RunFile& run, const std::string& run_file) {
  if (!run.simulation)
    throw ConfigError(run_file +
                      ": no data block; weft simulate takes the sites' data from it (see configs/sentiment.yaml)");
  std::vector<std::string> names;
  for (const SiteId& site : run.sites) names.push_back(site.name);
  return data::load_sites(run.simulation->data, run.simulation->sites, names, Rng(run.settings.seed));
}

// For people: what each site holds, and what cleaning took away.
void print_sites(const std::vector<data::SiteData>& sites, const data::TaskConfig& task, std::FILE* out) {
  for (const data::SiteData& site : sites)
    std::fprintf(out, "%s: %s\n", site.name.c_str(), site.report.summary().c_str());
  std::fprintf(out, "\n%s\n", data::label_table(sites, task).c_str());
  std::fflush(out);
}

void compare_run(const SimulatedRun& job, const Base& base, std::stop_token stop) {
  const Settings& settings = job.run.settings;
  std::vector<train::EncodedSplits> encoded;
  for (const data::SiteData& site : job.sites) encoded.push_back(encode(base, site.splits));
  const StateDict initial = initial_adapter(job.run, base);
  const coordinator::RunFolder files(job.place.folder);
  const auto federated = checkpoint::read_peft_folder(files.adapter());
  ComparisonJob comparison{.settings = &settings,
                           .base = &base,
                           .sites = {},
                           .initial = &initial,
                           .federated = &federated.value().state,
                           .threads = settings.threads,
                           .cores = static_cast<int>(std::thread::hardware_concurrency())};
  for (std::size_t i = 0; i < job.sites.size(); ++i) comparison.sites.push_back({job.sites[i].name, &encoded[i]});
  std::FILE* out = job.place.json ? stderr : stdout;
  const Comparison result = compare(
      comparison,
      [out](const std::string& line) {
        std::fprintf(out, "%s\n", line.c_str());
        std::fflush(out);
      },
      std::move(stop));
  add_to_summary(files.summary(), result);
  const auto style = ::isatty(::fileno(out)) == 1 ? telemetry::Table::Style::terminal : telemetry::Table::Style::plain;
  std::fprintf(out, "\n%s\nadapter  %s\nsummary  %s\n", comparison_table(result).text(style).c_str(),
               files.adapter().c_str(), files.summary().c_str());
}

int simulate(Flags& flags) {
  const StopOnSignal signals;
  SimulatedRun job{.run = RunFile::load(flags.run_file, flags.overrides), .place = flags.place};
  check_place(job.run, job.place);
  if (const auto left = private_folder_of(job.place.folder); std::filesystem::exists(left))
    PrivateFolder{left};  // of an unclean end of --processes: removed
  job.sites = load_simulated_sites(job.run, flags.run_file);
  print_sites(job.sites, job.run.settings.task, flags.place.json ? stderr : stdout);

  std::optional<Base> base;
  const auto load = [&] {
    if (!base) base = load_base(job.run.settings, job.run.model, pick_device(job.run.device));
  };
  if (!flags.processes) load();
  const int code = flags.processes ? simulate_as_processes(job, signals.token())
                                   : simulate_in_one_process(job, *base, signals.token());
  if (code != 0) {
    if (signals.token().stop_requested())
      log::warn("stopped before the end; the same command with --resume goes on from the last committed round");
    return code;
  }
  if (!flags.place.json && !flags.compare) std::fputs(result_text(flags.place.folder).c_str(), stdout);
  if (flags.compare) {
    load();
    compare_run(job, *base, signals.token());
  }
  return 0;
}

}  // namespace

void add_simulate(CLI::App& app, Chosen& chosen) {
  CLI::App* command = app.add_subcommand("simulate", "Run coordinator and all sites on this machine");
  const auto flags = std::make_shared<Flags>();
  command->add_option("run_file", flags->run_file, "RUN.yaml with a data block (see configs/sentiment.yaml)")
      ->required();
  command->add_option("--out", flags->place.folder, "Folder of the run: ledger, adapter, summary")->required();
  command->add_flag("--processes", flags->processes,
                    "One process a site, over TLS on loopback with a throwaway PKI; the adapter has the same bits");
  command->add_flag(
      "--compare", flags->compare,
      "Also train each site alone for as many steps as in the run, and all data pooled for as many as all\n"
      "sites took together, and print one table");
  command->add_flag("--resume", flags->place.resume, "Go on with the run in the folder; begin it where there is none");
  command->add_flag("--json", flags->place.json, "Events as JSON lines on stdout");
  command->add_option("--set", flags->overrides,
                      "Override a key of the run file: --set rounds.count=3; paths in it are relative to this folder");
  command->footer(
      "Examples:\n"
      "  weft simulate configs/sentiment.yaml --out runs/a\n"
      "  weft simulate configs/sentiment.yaml --out runs/b --processes --compare\n"
      "  weft simulate configs/sentiment.yaml --out runs/c --set data.sites='{by: dirichlet, alpha: 0.3, files: "
      "all.tsv}'");
  command->callback([flags, &chosen] { chosen = [flags] { return simulate(*flags); }; });
}

}  // namespace weft::cli
