// weft worker SITE.yaml: a site's process.
#include <CLI/CLI.hpp>
#include <algorithm>
#include <cstdio>
#include <thread>

#include "cli/commands.h"
#include "cli/local_job.h"
#include "cli/signals.h"
#include "cli/site_file.h"
#include "cli/telling_trainer.h"
#include "common/base/log.h"
#include "common/crypto/random.h"
#include "common/net/tls_client.h"
#include "weft_version.h"
#include "worker/worker.h"

namespace weft::cli {
namespace {

void check_identity(const SiteFile& site) {
  const crypto::CertificateFacts facts = crypto::check_credentials(site.credentials, crypto::Role::site);
  if (facts.name != site.site.name)
    site.root.fail("site", "\"" + site.site.name + "\", but the certificate " + site.credentials.certificate.string() +
                               " is of \"" + facts.name + "\"; use that name, or the certificate of this site");
}

// Runs on the training thread, once the site's policy has accepted the run.
std::unique_ptr<fl::LocalTrainer> load_trainer(const SiteFile& site, at::Device device, const YamlView& view) {
  const Settings settings = Settings::parse(view);
  view.finish();
  log::info("loading the base model " + site.model.string());
  const Base base = load_base(settings, site.model, device);
  const data::SiteData data = site.load_data(settings.task);
  log::info("data: " + data.report.summary());
  const auto cores = static_cast<int>(std::max(1U, std::thread::hardware_concurrency()));
  return telling(make_trainer(settings, base, encode(base, data.splits),
                              site.threads == 0 ? std::min(settings.threads, cores) : site.threads),
                 train::scheme_of(settings.task).primary);
}

std::uint64_t random_seed() {
  std::uint64_t seed = 0;
  for (const std::uint8_t byte : crypto::random_bytes(sizeof seed)) seed = seed << 8 | byte;
  return seed;
}

int work(const std::string& file, const std::vector<std::string>& overrides) {
  const StopOnSignal signals;
  const SiteFile site = SiteFile::load(file, overrides);
  log::set_prefix(site.site.name);
  check_identity(site);
  const at::Device device = pick_device(site.device);
  const SystemClock clock;
  net::TlsClient client(
      {.endpoint = site.coordinator, .credentials = site.credentials, .coordinator_name = site.coordinator_name});
  worker::Worker worker(
      {.site = site.site,
       .folder = site.folder,
       .policy = site.policy,
       .coordinator = site.coordinator,
       .weft_version = WEFT_VERSION,
       .fetch_into = site.fetch_model ? site.model : std::filesystem::path(),
       .make_trainer = [&](const YamlView& settings) { return load_trainer(site, device, settings); }},
      client, clock, Rng(random_seed()));
  const worker::WorkerResult result = worker.run(signals.token());
  if (result.exit_code() != 0)
    log::error(result.reason);
  else
    log::info(result.outcome == worker::Outcome::finished
                  ? "the run has ended: " + result.reason
                  : "stopped; started again, it goes on with what is in " + site.folder.string());
  return result.exit_code();
}

}  // namespace

void add_worker(CLI::App& app, Chosen& chosen) {
  CLI::App* command = app.add_subcommand("worker", "Take part in a run with this site's data");
  const auto file = std::make_shared<std::string>();
  const auto overrides = std::make_shared<std::vector<std::string>>();
  command->add_option("site_file", *file, "SITE.yaml: identity, model, data and policy (see examples/site.yaml)")
      ->required();
  command->add_option("--set", *overrides, "Override a key of the site file: --set device=cpu");
  command->footer(
      "Example:\n"
      "  weft worker site.yaml\n"
      "It dials out only, reconnects for ever, and ends when the run has ended. Nothing but what\n"
      "common/wire/messages.h lists leaves the site; the policy block of the file limits what is accepted.");
  command->callback([=, &chosen] { chosen = [=] { return work(*file, *overrides); }; });
}

}  // namespace weft::cli
