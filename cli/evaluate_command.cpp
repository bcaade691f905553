// weft evaluate: scores an adapter on a data file.
#include <ATen/Parallel.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <cstdio>
#include <memory>
#include <nlohmann/json.hpp>
#include <thread>

#include "cli/adapter_folder.h"
#include "cli/commands.h"
#include "cli/local_job.h"
#include "common/base/log.h"
#include "common/metrics/confusion.h"
#include "common/metrics/registry.h"
#include "common/telemetry/table.h"
#include "common/train/evaluator.h"

namespace weft::cli {
namespace {

struct Flags {
  std::string adapter, data, model, config, split = "all", device = "auto";
  std::vector<std::string> set;
  int threads = 0;  // 0: all cores
  bool base = false, json = false, force = false;
};

// What is scored, and on what.
struct Evaluation {
  std::string name;  // for people
  std::filesystem::path model;
  Settings settings;  // of the run file, with what the adapter itself knows put over it
  data::DataConfig format;
  std::optional<FoundAdapter> adapter;  // absent: the run's initial adapter
};

RunFile load_run_file(const Flags& flags, const std::optional<FoundAdapter>& adapter) {
  if (flags.config.empty() && !(adapter && adapter->run_file))
    throw ConfigError(
        "which columns hold text and label is not known: there is no config.yaml beside the adapter; "
        "name a run file with --config RUN.yaml");
  const std::filesystem::path file = flags.config.empty() ? *adapter->run_file : std::filesystem::path(flags.config);
  RunFile run = RunFile::load(file, flags.set);
  if (!run.simulation)
    throw ConfigError(file.string() +
                      ": has no data block, so the format of the data file is not known; name a run file that has one "
                      "with --config RUN.yaml");
  return run;
}

// The adapter's own shape and facts win over the run file's.
Settings settings_of(const RunFile& run, const FoundAdapter& adapter) {
  Settings settings = run.settings;
  settings.adapter = adapter.peft.config.adapter;
  if (!adapter.peft.facts) return settings;
  const checkpoint::AdapterFacts& facts = *adapter.peft.facts;
  const auto listed = [](const std::vector<std::string>& labels) {
    std::string text;
    for (const std::string& label : labels) text.append(text.empty() ? "" : ", ").append(label);
    return "[" + text + "]";
  };
  if (facts.labels != settings.task.labels)
    throw ConfigError("the adapter at " + adapter.folder.string() + " tells apart " + listed(facts.labels) +
                      ", the run file has task.labels " + listed(settings.task.labels) +
                      "; name the adapter's own run file with --config RUN.yaml");
  settings.task.max_tokens = facts.max_tokens;
  return settings;
}

Evaluation resolve(const Flags& flags) {
  if (flags.base != flags.adapter.empty())
    throw ConfigError("give either the folder of an adapter or --base, not " +
                      std::string(flags.base ? "both" : "none of them"));
  if (flags.base && flags.config.empty())
    throw ConfigError("--base: name the run file whose initial adapter is meant with --config RUN.yaml");
  std::optional<FoundAdapter> adapter;
  if (!flags.base) adapter = find_adapter(flags.adapter);
  const RunFile run = load_run_file(flags, adapter);
  Evaluation job{.name = "initial adapter of run " + run.settings.run,
                 .model = flags.model.empty() ? run.model : std::filesystem::path(flags.model),
                 .settings = run.settings,
                 .format = run.simulation->data,
                 .adapter = std::move(adapter)};
  job.format.files = {flags.data};
  if (job.adapter) {
    job.name = job.adapter->folder.string();
    job.model = base_folder_of(*job.adapter, flags.model);
    job.settings = settings_of(run, *job.adapter);
  }
  return job;
}

std::vector<data::Example> load_examples(const Evaluation& job, const std::string& split,
                                         data::CleaningReport& report) {
  data::Cleaner cleaner(job.format);
  const std::filesystem::path& file = job.format.files.front();
  if (!std::filesystem::exists(file)) throw ConfigError("--data: there is no file " + file.string());
  cleaner.add_file(file);
  report = cleaner.report();
  std::vector<data::Example> examples;
  for (data::Record& record : cleaner.take()) {
    const data::Split own = data::split_of(record.example, job.format.validation, job.format.test);
    const bool wanted = split == "all" || (split == "train" && own == data::Split::train) ||
                        (split == "validation" && own == data::Split::validation) ||
                        (split == "test" && own == data::Split::test);
    if (wanted) examples.push_back(std::move(record.example));
  }
  if (examples.empty())
    throw ConfigError(file.string() + ": " + report.summary() + "; no example is in the split \"" + split +
                      "\"; choose another with --split");
  return examples;
}

void check_fits(const Evaluation& job, const models::Model& model) {
  const Manifest& got = *job.adapter->peft.state.manifest;
  const Manifest& expected = *model.manifest();
  if (got == expected) return;
  const auto first_missing = [](const Manifest& of, const Manifest& in) {
    for (const TensorSpec& spec : of.tensors()) {
      const TensorSpec* other = in.find(spec.name);
      if (other == nullptr || other->shape != spec.shape) return "\"" + spec.name + "\"";
    }
    return std::string("nothing");
  };
  throw ConfigError(job.name +
                    ": its tensors are not those of this base model with these target_modules; in the file " +
                    "but not expected so: " + first_missing(got, expected) + "; expected but not so in the file: " +
                    first_missing(expected, got) + "; name the right base model with --model DIR");
}

std::optional<metrics::ConfusionMatrix> confusion_of(const metrics::Tally& tally) {
  const metrics::CountsView counts = tally.find("confusion");
  return counts.empty() ? std::nullopt : std::optional(metrics::ConfusionMatrix(counts));
}

std::string confusion_table(const metrics::ConfusionMatrix& confusion, const std::vector<std::string>& labels) {
  std::vector<std::string> header{"label \\ predicted"};
  for (const std::string& label : labels) header.push_back(label);
  header.insert(header.end(), {"all", "recall"});
  telemetry::Table table(header);
  for (std::size_t label = 0; label < labels.size(); ++label) {
    std::vector<std::string> row{labels[label]};
    double all = 0;
    for (std::size_t guess = 0; guess < labels.size(); ++guess) {
      all += confusion.count(label, guess);
      row.push_back(telemetry::fixed(confusion.count(label, guess), 0));
    }
    row.push_back(telemetry::fixed(all, 0));
    row.push_back(all == 0 ? "-" : telemetry::percent(confusion.count(label, label) / all));
    table.add_row(row);
    table.highlight(label, label + 1);
  }
  return table.text();
}

void print_json(const Evaluation& job, const train::Score& score, const Flags& flags, const std::string& digest,
                const std::string& base_digest) {
  nlohmann::ordered_json json{{"adapter_sha256", digest},
                              {"base_digest", base_digest},
                              {"data", flags.data},
                              {"split", flags.split},
                              {"examples", score.examples},
                              {"tokens", score.tokens},
                              {"labels", job.settings.task.labels},
                              {"seconds", score.seconds}};
  for (const auto& [name, value] : metrics::values(score.tally)) json[name] = value;
  if (const auto confusion = confusion_of(score.tally)) {
    nlohmann::ordered_json counts = nlohmann::ordered_json::array();
    for (std::size_t label = 0; label < confusion->classes(); ++label) {
      counts.push_back(nlohmann::ordered_json::array());
      for (std::size_t guess = 0; guess < confusion->classes(); ++guess)
        counts.back().push_back(static_cast<std::uint64_t>(confusion->count(label, guess)));
    }
    json["confusion"] = counts;
  }
  std::printf("%s\n", json.dump().c_str());
}

void print_text(const Evaluation& job, const train::Score& score, const Flags& flags,
                const data::CleaningReport& report, std::uint64_t truncated) {
  std::printf("%s\n%s: %s\nscored %llu examples (split: %s; %llu cut at %zu tokens) in %.1f s\n\n", job.name.c_str(),
              flags.data.c_str(), report.summary().c_str(), static_cast<unsigned long long>(score.examples),
              flags.split.c_str(), static_cast<unsigned long long>(truncated), job.settings.task.max_tokens,
              score.seconds);
  for (const auto& [name, value] : metrics::values(score.tally))
    std::printf("%-10s  %s\n", metrics::title(name).c_str(), metrics::shown(name, value).c_str());
  if (const auto confusion = confusion_of(score.tally))
    std::printf("\n%s", confusion_table(*confusion, job.settings.task.labels).c_str());
}

int evaluate(const Flags& flags) {
  const Evaluation job = resolve(flags);
  data::CleaningReport report;
  const std::vector<data::Example> examples = load_examples(job, flags.split, report);
  const at::Device device = pick_device(flags.device);
  const Base base = load_base(job.settings, job.model, device);
  if (job.adapter) {
    check_fits(job, base.model());
    if (!flags.force) check_base_digest(*job.adapter, job.model, base.model().base_digest());
  }
  const data::EncodedDataset data = encode(base, examples);
  const StateDict adapter = job.adapter ? job.adapter->peft.state : base.model().initial_state(Rng(job.settings.seed));
  const int cores = static_cast<int>(std::max(1U, std::thread::hardware_concurrency()));
  const train::Score score =
      train::evaluate(*base.task, adapter, data, {.threads = flags.threads > 0 ? flags.threads : cores});
  if (flags.json) {
    print_json(job, score, flags, adapter.digest(), base.model().base_digest());
  } else {
    print_text(job, score, flags, report, data.truncated);
  }
  return 0;
}

}  // namespace

void add_evaluate(CLI::App& app, Chosen& chosen) {
  CLI::App* command = app.add_subcommand("evaluate", "Score an adapter on a data file");
  const auto flags = std::make_shared<Flags>();
  command->add_option("adapter", flags->adapter, "PEFT folder, or the run folder that holds adapter/");
  command->add_flag("--base", flags->base, "Score the run's initial adapter instead: the base model, untrained");
  command->add_option("--data", flags->data, "Data file, in the format of the run file's data block")->required();
  command->add_option("--config", flags->config, "Run file (default: config.yaml of the adapter's run folder)");
  command->add_option("--set", flags->set, "Override a key of the run file, as in --set data.format=jsonl");
  command->add_option("--model", flags->model, "Folder of the base model (default: the one that the adapter names)");
  command->add_flag("--force", flags->force, "Do not check that the base model is the one that was trained on");
  command->add_option("--split", flags->split, "Which examples of the file")
      ->check(CLI::IsMember({"all", "train", "validation", "test"}))
      ->capture_default_str();
  command->add_option("--device", flags->device, "auto, cpu or cuda:N")->capture_default_str();
  command->add_option("--threads", flags->threads, "Threads (default: one a core)")->check(CLI::Range(1, 1024));
  command->add_flag("--json", flags->json, "One line of JSON instead of text");
  command->footer(
      "Examples:\n  weft evaluate runs/sentiment --data films.tsv --split test\n"
      "  weft evaluate --base --config configs/sentiment.yaml --data films.tsv");
  command->callback([=, &chosen] { chosen = [=] { return evaluate(*flags); }; });
}

}  // namespace weft::cli
