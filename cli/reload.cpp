#include "cli/reload.h"

#include "cli/run_place.h"
#include "common/base/log.h"

namespace weft::cli {
namespace {

std::string listed(const std::vector<SiteId>& sites) {
  std::string names;
  for (const SiteId& site : sites) names += (names.empty() ? "" : ", ") + site.name;
  return names;
}

}  // namespace

void Reload::ask() {
  asked_ = true;
  server_.wake();
}

void Reload::apply(coordinator::Coordinator& coordinator) {
  if (!asked_.exchange(false)) return;
  change_sites(coordinator);  // first: a round that cannot do without a revoked site goes on where that is taken off
  revoke(coordinator);
}

void Reload::revoke(coordinator::Coordinator& coordinator) {
  try {
    const std::vector<SiteId> fresh = server_.reload_revocations();
    for (const SiteId& site : fresh) coordinator.shut_out(site);
    log::info("read the revocation list anew: " + std::to_string(server_.revoked()) + " revoked" +
              (fresh.empty() ? "" : "; shut out " + listed(fresh)));
  } catch (const ConfigError& error) {
    log::error(std::string(error.what()) + "; the list read before still counts");
  }
}

void Reload::change_sites(coordinator::Coordinator& coordinator) {
  try {
    RunFile fresh = RunFile::load(source_.file, source_.overrides);
    for (const std::string& change : differences(run_.text, fresh.text))
      if (!change.starts_with("sites"))
        log::warn(source_.file + ": not changed while the run goes on: " + change +
                  (change.starts_with("network") || change.starts_with("device")
                       ? "; it is when it is started again with --resume"
                       : "; put it back, or --resume will refuse the file"));
    if (fresh.sites == run_.sites) return;
    if (fresh.simulation)
      return log::warn(source_.file +
                       ": sites: not changed while the run goes on, for its data: block is divided into "
                       "them; leave that out of the run file of a deployment");
    coordinator.change_sites(fresh.sites);
    log::info("from the next round on the sites are " + listed(fresh.sites));
    run_.sites = std::move(fresh.sites);
  } catch (const ConfigError& error) {
    log::error(std::string(error.what()) + "; the run goes on with the file as it was read before");
  }
}

}  // namespace weft::cli
