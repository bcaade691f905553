// From a run file to a running coordinator.
#include "cli/run_job.h"

#include <cstdio>
#include <iostream>
#include <nlohmann/json.hpp>

#include "cli/versions.h"
#include "common/base/file.h"
#include "common/base/log.h"
#include "common/metrics/registry.h"
#include "common/telemetry/fan_out.h"
#include "common/telemetry/json_view.h"
#include "common/telemetry/table.h"
#include "common/telemetry/tensorboard.h"
#include "common/telemetry/terminal_view.h"
#include "coordinator/run_folder.h"

namespace weft::cli {
namespace {

checkpoint::PeftConfig peft_config(const RunFile& run, const models::Model& model) {
  return {.base_model = run.model.string(),
          .task = model.task(),
          .adapter = model.adapter(),
          .fan_in_fan_out = model.fan_in_fan_out()};
}

}  // namespace

StateDict initial_adapter(const RunFile& run, const Base& base) {
  return run.start ? initial_state_of(*run.start, run.model, base.model())
                   : base.model().initial_state(Rng(run.settings.seed));
}

coordinator::CoordinatorOptions coordinator_options(const RunFile& run, const Base& base, const RunPlace& place) {
  return {.folder = place.folder,
          .resume = place.resume,
          .run = run.settings.run,
          .config_digest = run.digest,
          .settings = run.settings_text,
          .seed = run.settings.seed,
          .sites = run.sites,
          .rounds = run.settings.rounds,
          .aggregation = run.aggregation,
          .base_digest = base.model().base_digest(),
          .base_files = base.model().base_files(),
          .base_folder = run.model,
          .initial = initial_adapter(run, base),
          .scheme = train::scheme_of(run.settings.task),
          .peft = peft_config(run, base.model()),
          .facts = {.run = run.settings.run,
                    .labels = run.settings.task.labels,
                    .problem = std::string(data::name_of(run.settings.task.problem)),
                    .max_tokens = run.settings.task.max_tokens,
                    .base_digest = base.model().base_digest()},
          .versions = linked_versions()};
}

coordinator::CoordinatorResult run_coordinator(const RunFile& run, const Base& base, const RunPlace& place,
                                               net::ServerTransport& transport, Serving serving) {
  const SystemClock clock;
  telemetry::FanOut watchers;
  coordinator::CoordinatorOptions options = coordinator_options(run, base, place);
  options.signer = std::move(serving.signer);
  options.ca = std::move(serving.ca);
  coordinator::Coordinator coordinator(std::move(options), transport, clock, watchers);
  if (const Status written = write_atomic(place.folder / "config.yaml", as_bytes(run.text)); !written)
    throw Failure(written.error().message);
  if (place.json)
    watchers.add(std::make_unique<telemetry::JsonView>(std::cout, clock));
  else
    watchers.add(telemetry::make_terminal_view(stdout, clock));
  watchers.add(std::make_unique<telemetry::TensorBoard>(place.folder / "tensorboard", clock));
  if (serving.opened) serving.opened();
  const coordinator::CoordinatorResult result = coordinator.run(std::move(serving.stop), [&] {
    if (serving.between) serving.between(coordinator);
  });
  if (result.finished && result.best_version == 0)
    log::warn(
        "no round had a better validation score than the initial adapter, which is the result: it is untrained. "
        "Give the run more steps or more validation examples; the last round's adapter is in " +
        (place.folder / "versions").string());
  return result;
}

std::string result_text(const std::filesystem::path& folder) {
  const coordinator::RunFolder files(folder);
  const Result<std::string> text = read_text(files.summary());
  if (!text) throw Failure(text.error().message);
  const nlohmann::json summary = nlohmann::json::parse(text.value());
  const std::string metric = summary.at("metric").at("name");
  telemetry::Table table({"test", "examples", metrics::title(metric)});
  const auto add = [&](const std::string& name, const nlohmann::json& score) {
    table.add_row({name, std::to_string(score.at("examples").get<std::uint64_t>()),
                   score.contains(metric) ? metrics::shown(metric, score.at(metric).get<double>()) : "-"});
  };
  if (const auto& scores = summary.at("final"); !scores.is_null()) {
    for (const auto& [site, score] : scores.at("sites").items()) add(site, score);
    table.add_rule();
    add("overall", scores.at("overall"));
  }
  return "\n" + table.text() + "\nadapter  " + files.adapter().string() + "  (version " +
         std::to_string(summary.at("best_version").get<int>()) + ", sha256 " +
         summary.at("adapter_sha256").get<std::string>().substr(0, 12) + ")\nsummary  " + files.summary().string() +
         "\n";
}

}  // namespace weft::cli
