// weft evaluate: scores an adapter on a data file: as its task does, by classes that a CLIP was not taught, or by the
// answers that a language model gives.
#include <ATen/Parallel.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <memory>
#include <set>
#include <thread>

#include "cli/adapter_folder.h"
#include "cli/commands.h"
#include "cli/evaluation_report.h"
#include "cli/local_job.h"
#include "common/base/joined.h"
#include "common/base/log.h"
#include "common/text/special_tokens.h"
#include "common/train/answers.h"
#include "common/train/evaluator.h"
#include "common/train/zero_shot.h"

namespace weft::cli {
namespace {

struct Flags {
  std::string adapter, data, model, config, site, split = "all", device = "auto";
  std::vector<std::string> set;
  std::string zero_shot;  // column with the classes; empty: no zero-shot
  std::vector<std::string> labels, templates{"a photo of a {}"};
  std::size_t answers = 0;  // conversations to answer
  std::int64_t max_new_tokens = 64;
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

bool is_site_file(const std::filesystem::path& file) {
  const YamlView root = YamlView::load(file, {});
  return root.has("site") && root.has("coordinator");
}

RunFile load_run_file(const Flags& flags, const std::optional<FoundAdapter>& adapter) {
  if (flags.config.empty() && !(adapter && adapter->run_file))
    throw ConfigError(
        "which columns hold text and label is not known: there is no config.yaml beside the adapter; "
        "name a run file with --config RUN.yaml");
  const std::filesystem::path file = flags.config.empty() ? *adapter->run_file : std::filesystem::path(flags.config);
  if (is_site_file(file))
    throw ConfigError(file.string() +
                      " is a site's file; the task and the format of the data are in the run file: --config RUN.yaml");
  RunFile run = RunFile::load(file, flags.set);
  if (!run.simulation && flags.site.empty())
    throw ConfigError(file.string() +
                      ": has no data block, so the format of the data file is not known; name a site's file, whose "
                      "data block has it, with --site SITE.yaml, or a run file that has one with --config RUN.yaml");
  return run;
}

// The format of the data file.
data::DataConfig format_of(const Flags& flags, const RunFile& run) {
  if (flags.site.empty()) return run.simulation->data;
  return data::parse_data_config(YamlView::load(flags.site, {}).child("data"), run.settings.task);
}

// The adapter's own shape and facts win over the run file's.
Settings settings_of(const RunFile& run, const FoundAdapter& adapter) {
  Settings settings = run.settings;
  settings.adapter = adapter.peft.config.adapter;
  settings.adapter_place = place_of(adapter);
  if (!adapter.peft.facts) return settings;
  const checkpoint::AdapterFacts& facts = *adapter.peft.facts;
  const auto listed = [](const std::vector<std::string>& labels) { return "[" + joined(labels) + "]"; };
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
                 .format = format_of(flags, run),
                 .adapter = std::move(adapter)};
  job.format.files = {flags.data};
  const data::TaskConfig& task = job.settings.task;
  if (!flags.zero_shot.empty()) {
    if (task.kind != TaskKind::image_text)
      throw ConfigError("--zero-shot is for a task of kind image_text, and the run file has " +
                        std::string(name_of(task.kind)));
    job.format.text_column = flags.zero_shot;
  } else if (!flags.labels.empty()) {
    throw ConfigError("--labels are those of --zero-shot; name the column that has them");
  }
  if (flags.answers > 0 && !task.has_conversations())
    throw ConfigError("--generate is for conversations, and the run file has no task.template");
  if (job.adapter) {
    job.name = job.adapter->folder.string();
    job.model = base_folder_of(*job.adapter, flags.model);
    job.settings = settings_of(run, *job.adapter);
  }
  return job;
}

std::vector<data::Example> load_examples(const Evaluation& job, data::CleaningReport& report) {
  data::Cleaner cleaner(job.format);
  const std::filesystem::path& file = job.format.files.front();
  if (!std::filesystem::exists(file)) throw ConfigError("--data: there is no file " + file.string());
  cleaner.add_file(file);
  report = cleaner.report();
  std::vector<data::Example> examples;
  for (data::Record& record : cleaner.take()) examples.push_back(std::move(record.example));
  return examples;
}

std::vector<data::Example> of_split(const Evaluation& job, const std::string& name,
                                    const std::vector<data::Example>& all, const data::CleaningReport& report) {
  std::vector<data::Example> examples;
  for (const data::Example& example : all) {
    const data::Split own = data::split_of(example, job.format.validation, job.format.test);
    const bool wanted = name == "all" || (name == "train" && own == data::Split::train) ||
                        (name == "validation" && own == data::Split::validation) ||
                        (name == "test" && own == data::Split::test);
    if (wanted) examples.push_back(example);
  }
  if (examples.empty())
    throw ConfigError(job.format.files.front().string() + ": " + report.summary() + "; no example is in the split \"" +
                      name + "\"; choose another with --split");
  return examples;
}

// The classes of --zero-shot: those named, or all that the file has, by name. Sets each example's label; its text is
// its class.
std::vector<std::string> label_by_text(std::vector<data::Example>& examples, const Flags& flags) {
  std::vector<std::string> labels = flags.labels;
  if (labels.empty()) {
    std::set<std::string> found;
    for (const data::Example& example : examples) found.insert(example.text);
    labels.assign(found.begin(), found.end());
  }
  for (data::Example& example : examples) {
    const auto label = std::find(labels.begin(), labels.end(), example.text);
    if (label == labels.end())
      throw ConfigError("--labels: " + flags.data + " has \"" + example.text + "\" in the column " + flags.zero_shot +
                        ", which is none of them; name it too");
    example.label = static_cast<std::int32_t>(label - labels.begin());
  }
  return labels;
}

void check_fits(const Evaluation& job, const models::Model& model) {
  const std::string found = differences(*job.adapter->peft.state.manifest, *model.manifest());
  if (!found.empty())
    throw ConfigError(job.name + ": it does not fit the model at " + job.model.string() +
                      " and the run file's task; name the model that it was trained on with --model DIR" + found);
}

train::Score zero_shot_score(const Base& base, const StateDict& adapter, const std::vector<data::Example>& examples,
                             const std::vector<std::string>& labels, const Flags& flags,
                             const train::EvaluatorOptions& options) {
  std::vector<data::Example> prompts;
  for (const std::string& prompt : train::zero_shot_prompts(labels, flags.templates))
    prompts.emplace_back().text = prompt;
  const data::TaskConfig texts{.max_tokens = base.task->config().max_tokens};
  const data::TaskConfig pictures{.kind = TaskKind::image_classification, .labels = labels};
  return train::evaluate_zero_shot(
      *base.task, adapter, data::encode(texts, {.tokenizer = base.tokenizer.get()}, prompts), labels.size(),
      data::encode(pictures, {.preprocessor = base.preprocessor.get()}, examples), options);
}

metrics::Tally answers_of(const Evaluation& job, const Base& base, const StateDict& adapter,
                          const std::vector<data::Example>& examples, const Flags& flags, int threads) {
  const Result<text::SpecialTokens> specials = text::read_special_tokens(job.model, *base.tokenizer);
  if (!specials) throw ConfigError(specials.error().message);
  const std::vector<text::TokenId>& stops = specials.value().stops;
  return train::score_answers(
      base.model(), adapter, *base.tokenizer, *base.chat_template,
      std::span(examples).first(std::min(flags.answers, examples.size())),
      {.stop_tokens = {stops.begin(), stops.end()}, .max_new_tokens = flags.max_new_tokens, .threads = threads});
}

int evaluate(const Flags& flags) {
  const Evaluation job = resolve(flags);
  EvaluationReport report{.name = job.name,
                          .data = flags.data,
                          .split = flags.split,
                          .labels = job.settings.task.labels,
                          .score = {},
                          .cleaning = {},
                          .max_tokens = job.settings.task.max_tokens,
                          .adapter_sha256 = {},
                          .base_digest = {}};
  std::vector<data::Example> all = load_examples(job, report.cleaning);
  if (!flags.zero_shot.empty()) report.labels = label_by_text(all, flags);
  const std::vector<data::Example> examples = of_split(job, flags.split, all, report.cleaning);
  const Base base = load_base(job.settings, job.model, pick_device(flags.device));
  if (job.adapter) {
    check_fits(job, base.model());
    if (!flags.force) check_base(*job.adapter, job.model, base.model().base_digest());
  }
  const StateDict adapter = job.adapter ? job.adapter->peft.state : base.model().initial_state(Rng(job.settings.seed));
  report.adapter_sha256 = adapter.digest();
  report.base_digest = base.model().base_digest();
  const int cores = static_cast<int>(std::max(1U, std::thread::hardware_concurrency()));
  const train::EvaluatorOptions options{.threads = flags.threads > 0 ? flags.threads : cores};
  if (!flags.zero_shot.empty()) {
    report.score = zero_shot_score(base, adapter, examples, report.labels, flags, options);
  } else {
    const data::EncodedDataset data = encode(base, examples);
    report.truncated = data.truncated;
    report.score = train::evaluate(*base.task, adapter, data, options);
  }
  if (flags.answers > 0) report.score.tally.merge(answers_of(job, base, adapter, examples, flags, options.threads));
  flags.json ? print_json(report) : print_text(report);
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
  command->add_option("--site", flags->site,
                      "Site file whose data block has the format of --data, in place of the run file's");
  command->add_option("--set", flags->set, "Override a key of the run file, as in --set data.format=jsonl");
  command->add_option("--model", flags->model, "Folder of the base model (default: the one that the adapter names)");
  command->add_flag("--force", flags->force, "Do not check that the base model is the one that was trained on");
  command->add_option("--split", flags->split, "Which examples of the file")
      ->check(CLI::IsMember({"all", "train", "validation", "test"}))
      ->capture_default_str();
  command->add_option("--zero-shot", flags->zero_shot,
                      "Of image_text: tell classes apart by name; the column of the data file that has them");
  command->add_option("--labels", flags->labels, "Classes of --zero-shot, between commas (default: all in the file)")
      ->delimiter(',');
  command->add_option("--template", flags->templates, "What a class becomes for --zero-shot; several are averaged")
      ->capture_default_str();
  command->add_option("--generate", flags->answers,
                      "Of conversations: answer so many, and compare with their last answer");
  command->add_option("--max-new-tokens", flags->max_new_tokens, "Tokens of an answer of --generate, at most")
      ->check(CLI::Range(std::int64_t{1}, std::int64_t{1} << 20))
      ->capture_default_str();
  command->add_option("--device", flags->device, "auto, cpu or cuda:N")->capture_default_str();
  command->add_option("--threads", flags->threads, "Threads (default: one a core)")->check(CLI::Range(1, 1024));
  command->add_flag("--json", flags->json, "One line of JSON instead of text");
  command->footer(
      "Examples:\n  weft evaluate runs/sentiment --data films.tsv --split test\n"
      "  weft evaluate runs/first --site site.yaml --data comments.csv --split test\n"
      "  weft evaluate --base --config configs/sentiment.yaml --data films.tsv\n"
      "  weft evaluate runs/emoji --data kinds-google.jsonl --zero-shot kind --template \"{}\"\n"
      "  weft evaluate runs/dialogue --data talks.jsonl --generate 100");
  command->callback([=, &chosen] { chosen = [=] { return evaluate(*flags); }; });
}

}  // namespace weft::cli
