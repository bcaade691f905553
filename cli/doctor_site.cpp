// weft doctor SITE.yaml: a site's side.
#include "cli/coordinator_call.h"
#include "cli/doctor_checks.h"
#include "cli/local_job.h"
#include "common/models/checkpoint.h"
#include "common/tensor/base_files.h"
#include "worker/run_counts.h"
#include "worker/worker.h"

namespace weft::cli {
namespace {

struct SiteVisit {
  SiteFile site;
  std::optional<Answered> answered = {};  // by the coordinator
  std::optional<Settings> settings = {};  // that it told
  fl::SiteFacts facts = {};               // as far as they are known: what the worker would say it has
};

Verdict certificate(SiteVisit& visit) {
  return look_at_certificates(visit.site.credentials, crypto::Role::site, visit.site.site.name);
}

Verdict revocations(SiteVisit& visit) { return look_at_revocations(visit.site.credentials); }

Verdict coordinator(SiteVisit& visit) {
  if (in_use(visit.site.folder))
    return {Health::ok, "not called: a worker is running on " + visit.site.folder.string() +
                            ", whose session this would replace; its log says how it stands"};
  Result<Answered> answered = call_coordinator(visit.site);
  if (!answered) return {Health::problem, answered.error().message};
  visit.answered = std::move(answered).value();
  const wire::Welcome& welcome = visit.answered->welcome;
  visit.settings = Settings::parse(YamlView::parse(welcome.settings, "settings from the coordinator"));
  return {Health::ok, visit.site.coordinator + ", \"" + visit.answered->coordinator.name + "\", verified in " +
                          std::to_string(visit.answered->handshake.count()) + " ms; it serves run \"" + welcome.run +
                          "\" and lists this site"};
}

Verdict clock(SiteVisit& visit) {
  std::vector<crypto::CertificateFacts> all{crypto::read_certificate(visit.site.credentials.ca),
                                            crypto::read_certificate(visit.site.credentials.certificate)};
  if (visit.answered) all.push_back(visit.answered->coordinator);
  return look_at_clock(all, "how far the coordinator's clock is from this one, for no message tells its time");
}

Verdict versions(SiteVisit&) { return look_at_versions(); }
Verdict device(SiteVisit& visit) { return look_at_device(visit.site.device); }

// Where there is no base model yet, and the worker would take it from the coordinator.
Verdict base_to_fetch(const SiteVisit& visit) {
  const std::string folder = visit.site.model.string();
  if (!visit.answered)
    return {Health::ok, "none in " + folder +
                            "; the worker fetches it (fetch_model), and how large it is the "
                            "coordinator says"};
  const BaseList& files = visit.answered->base;
  if (base_digest(files) != visit.answered->welcome.base_digest)
    return {Health::problem, "none in " + folder + ", and the coordinator's list of its files is of another model"};
  const Verdict room = look_at_disk({visit.site.model, total_bytes(files), "the base model"});
  return {room.health, "none in " + folder + "; the worker fetches " + std::to_string(files.size()) + " files, " +
                           human_bytes(total_bytes(files)) + " (fetch_model). " + room.text};
}

Verdict base_model(SiteVisit& visit) {
  const std::string folder = visit.site.model.string();
  if (visit.site.fetch_model && visit.site.model_is_missing()) return base_to_fetch(visit);
  if (!visit.settings) {
    visit.facts.base_digest = models::Checkpoint(visit.site.model).digest();
    return {Health::ok, folder + ": digest " + visit.facts.base_digest +
                            "; whether it is the run's is not known without the coordinator"};
  }
  const Base base = load_base(*visit.settings, visit.site.model, at::kCPU);
  visit.facts.base_digest = base.model().base_digest();
  visit.facts.manifest = base.model().manifest();
  const std::string& expected = visit.answered->welcome.base_digest;
  if (visit.facts.base_digest != expected)
    return {Health::problem, folder + ": digest " + visit.facts.base_digest + ", the run's is " + expected +
                                 "; get the run's base model from the coordinator's administrator, or name a folder "
                                 "that is not there yet and set fetch_model: true"};
  return {Health::ok, folder + ": complete, digest " + expected + ", that of the run"};
}

Verdict data(SiteVisit& visit) {
  if (!visit.settings) {
    const std::vector<std::filesystem::path> files = visit.site.data_files();
    std::uint64_t bytes = 0;
    for (const auto& file : files) bytes += MappedFile::open(file).value().bytes().size();
    return {Health::ok, std::to_string(files.size()) + " files, " + human_bytes(bytes) +
                            ", readable; what is in them is checked when the run's task is known"};
  }
  const data::SiteData found = visit.site.load_data(visit.settings->task);
  visit.facts.examples = {{"train", found.splits.train.size()},
                          {"validation", found.splits.validation.size()},
                          {"test", found.splits.test.size()}};
  std::string text = found.report.summary();
  for (const auto& [split, count] : visit.facts.examples) text += ", " + split + " " + std::to_string(count);
  return {Health::ok, text};
}

// As the worker would judge, of what is known. Which round is asked for first is not: any policy allows round 1.
std::optional<worker::Refusal> refusal_of(const SiteVisit& visit) {
  const worker::Policy& policy = visit.site.policy;
  const wire::Welcome& welcome = visit.answered->welcome;
  if (auto no = policy.refusal(welcome)) return no;
  if (visit.facts.manifest && !visit.facts.examples.empty()) return policy.refusal(visit.facts);
  return std::nullopt;
}

// What the run has asked for so far may be all that it will ask for.
std::optional<worker::Refusal> used_up(const SiteVisit& visit) {
  const worker::Policy& policy = visit.site.policy;
  const worker::RunCounts so_far =
      worker::read_counts(visit.site.folder, {visit.answered->coordinator.name, visit.answered->welcome.run}).value();
  if (auto no = policy.training_refusal(1, so_far)) return no;
  return policy.scoring_refusal(so_far);
}

Verdict policy(SiteVisit& visit) {
  if (!visit.answered) return {Health::warning, "not checked: what the run asks is not known without the coordinator"};
  if (const auto no = refusal_of(visit)) return {Health::problem, "this site's policy refuses the run: " + no->reason};
  if (const auto no = used_up(visit))
    return {Health::warning, "accepts the run, but refuses what it may ask for from now on: " + no->reason};
  return {Health::ok, "accepts the run"};
}

Verdict disk(SiteVisit& visit) {
  if (!visit.facts.manifest)
    return {Health::warning, "not checked: what the run needs is not known without the coordinator and the base model"};
  return look_at_disk(worker::disk_need(visit.site.folder, visit.facts.manifest->total() * sizeof(float)));
}

const std::vector<Check<SiteVisit>> kChecks{{"certificate", certificate}, {"revocations", revocations},
                                            {"coordinator", coordinator}, {"clock", clock},
                                            {"versions", versions},       {"device", device},
                                            {"base model", base_model},   {"data", data},
                                            {"policy", policy},           {"disk", disk}};

}  // namespace

std::vector<Finding> look_at_site(const SiteQuestion& question) {
  SiteVisit visit{.site = SiteFile::load(question.file, question.overrides)};
  return look(kChecks, visit);
}

}  // namespace weft::cli
