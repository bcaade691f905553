// Sites as threads of this process.
#include <mutex>
#include <thread>

#include "cli/simulation.h"
#include "common/base/log.h"
#include "common/net/in_process.h"
#include "weft_version.h"
#include "worker/worker.h"

namespace weft::cli {
namespace {

// What one site's thread came to.
struct SiteOutcome {
  worker::WorkerResult result;
  std::exception_ptr thrown;
};

// A simulated site has no administrator to protect: it takes part in whatever the run file says.
worker::Policy any_run() {
  return {.max_rounds = kAnyNumber,
          .max_local_steps = kAnyNumber,
          .max_batch_size = kAnyNumber,
          .max_tokens = kAnyNumber,
          .max_parameters = kAnyNumber,
          .max_trainings = kAnyNumber,
          .max_scorings = kAnyNumber,
          .min_scored = 1};
}

// Of each site, before anything is written.
std::vector<train::EncodedSplits> encode_all(const SimulatedRun& job, const Base& base) {
  std::vector<train::EncodedSplits> encoded;
  for (const data::SiteData& site : job.sites) try {
      encoded.push_back(encode(base, site.splits));
    } catch (const ConfigError& error) {
      throw ConfigError("site \"" + site.name + "\": " + error.what());
    }
  return encoded;
}

worker::WorkerOptions worker_options(const SimulatedRun& job, const Base& base, const data::SiteData& site,
                                     train::EncodedSplits& encoded, std::shared_ptr<Slots> slots) {
  return {.site = {site.name},
          .folder = job.place.folder / "sites" / site.name,
          .policy = any_run(),
          .coordinator = "this process",
          .weft_version = WEFT_VERSION,
          .say = [](bool, const std::string&) {},  // the view shows it all
          .make_trainer =
              [&base, &encoded, slots](const YamlView& view) {
                const Settings settings = Settings::parse(view);
                view.finish();
                return with_slots(make_trainer(settings, base, std::move(encoded), settings.threads), slots);
              }};
}

}  // namespace

int simulate_in_one_process(const SimulatedRun& job, const Base& base, std::stop_token stop) {
  log::set_level(log::Level::warn);
  std::vector<train::EncodedSplits> encoded = encode_all(job, base);
  net::InProcessHub hub;
  const auto server = hub.server();
  const auto slots = make_slots(job.run.settings.threads);
  const SystemClock clock;
  std::stop_source stop_sites;   // when the coordinator is through
  std::stop_source stop_server;  // when a site failed, or the user asks
  const std::stop_callback asked(stop, [&] { stop_server.request_stop(); });
  std::vector<SiteOutcome> outcomes(job.sites.size());
  std::vector<std::jthread> threads;

  const auto run_site = [&](std::size_t i) {
    try {
      const auto client = hub.client({job.sites[i].name});
      worker::Worker worker(worker_options(job, base, job.sites[i], encoded[i], slots), *client, clock,
                            Rng(job.run.settings.seed));
      outcomes[i].result = worker.run(stop_sites.get_token());
    } catch (...) {
      outcomes[i].thrown = std::current_exception();
    }
    const bool failed = outcomes[i].thrown || outcomes[i].result.exit_code() != 0;
    if (failed) stop_server.request_stop();
  };
  // Sites start when the run folder is ours: a refused folder leaves no trace.
  const auto start_sites = [&] {
    for (std::size_t i = 0; i < job.sites.size(); ++i) threads.emplace_back(run_site, i);
  };
  const auto end_sites = [&] {
    stop_sites.request_stop();
    threads.clear();
  };
  coordinator::CoordinatorResult result;
  try {
    result =
        run_coordinator(job.run, base, job.place, *server, {.stop = stop_server.get_token(), .opened = start_sites});
  } catch (...) {
    end_sites();
    throw;
  }
  end_sites();
  for (const SiteOutcome& outcome : outcomes) {
    if (outcome.thrown) std::rethrow_exception(outcome.thrown);
    if (outcome.result.outcome == worker::Outcome::misconfigured) throw ConfigError(outcome.result.reason);
    if (outcome.result.outcome == worker::Outcome::failed) throw Failure(outcome.result.reason);
  }
  return result.finished ? 0 : 1;
}

}  // namespace weft::cli
