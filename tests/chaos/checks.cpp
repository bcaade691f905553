// What must hold when a run has ended, whatever went wrong on the way.
#include <set>

#include "common/base/digest.h"
#include "common/fl/aggregator.h"
#include "common/fl/cohort.h"
#include "common/fl/past.h"
#include "common/fl/sampling.h"
#include "common/tensor/safetensors.h"
#include "common/wire/transfer.h"
#include "coordinator/ledger.h"
#include "coordinator/run_folder.h"
#include "tests/chaos/nodes.h"

namespace weft::chaos {
namespace {

void must(bool holds, const std::string& what) {
  if (!holds) throw Broken{what};
}

}  // namespace

void World::note(const SiteId& site, ByteSpan message) {
  const Result<wire::Message> said = wire::decode(message);
  must(static_cast<bool>(said), "the coordinator says what is no message");
  const auto* settled = std::get_if<wire::Settled>(&said.value());
  if (settled != nullptr) promises_.push_back({site, settled->round, settled->digest, settled->verdict == "committed"});
}

// A site that was told a verdict has forgotten its update: no crash may take a commit back, and what was late or
// refused may not count after all.
void World::check_promises(const coordinator::Ledger& ledger) const {
  for (const Promise& promise : promises_)
    must(ledger.committed(promise.site, promise.round, promise.digest).has_value() == promise.committed,
         "round " + std::to_string(promise.round) + " of " + promise.site.name + " is " +
             (promise.committed ? "not in the ledger, though the site was told that it is"
                                : "in the ledger, though the site was told that it is not"));
}

// Who was asked follows from the history, and enough of them counted.
void World::check_round(const coordinator::RoundRow& row, const fl::Past& past) const {
  const std::string where = "round " + std::to_string(row.round);
  must(row.round == outcome_.rounds + 1, where + " follows round " + std::to_string(outcome_.rounds));
  must(!row.updates.empty(), where + " counts nothing");
  for (const coordinator::UpdateRow& update : row.updates)
    must(update.examples == examples_.at(update.site), where + ": examples of " + update.site.name);
  if (rounds_.buffered()) return;
  const fl::Cohort cohort = fl::choose_cohort(rounds_, sites_, past, Rng(seed_), row.round);
  must(row.cohort == cohort.sites, where + " asked other sites");
  must(row.updates.size() >= fl::quorum_size(rounds_.quorum, cohort.wanted), where + " has no quorum");
}

// Every round is computed again, without a disk or a network, from the cohort that the ledger says counted.
void World::check_end() {
  auto& node = static_cast<CoordinatorNode&>(*nodes_.front());
  const coordinator::CoordinatorResult& result = *node.result;
  must(result.finished, "the coordinator ended without a result");
  node.machine.dead = false;  // so that its disk may be read
  const coordinator::RunFolder folder(kRunFolder, node.disk);
  const coordinator::Ledger ledger(folder.ledger(), {}, node.disk);
  check_promises(ledger);
  const auto mean = fl::make_aggregator(aggregation_, {.sites = sites_.size(),
                                                       .parameters = manifest_->total(),
                                                       .local_steps = rounds_.local_steps,
                                                       .min_steps = fl::least_steps(rounds_),
                                                       .scratch = [&] { return node.disk.scratch("/").value(); }});
  std::vector<StateDict> versions{initial_};
  std::set<std::pair<SiteId, std::uint32_t>> counted;  // each update once
  fl::Past past;
  ledger.each_round([&](const coordinator::RoundRow& row) {
    const std::string where = "round " + std::to_string(row.round);
    check_round(row, past);
    fl::PastRound done{.round = row.round, .cohort = row.cohort, .updates = {}};
    mean->clear();
    for (const coordinator::UpdateRow& update : row.updates) {
      const std::uint32_t made_for = row.round - update.staleness;
      const StateDict expected = update_of(update.site, made_for, versions.at(made_for - 1));
      must(update.staleness <= rounds_.max_staleness, where + " counts too old an update of " + update.site.name);
      must(counted.emplace(update.site, made_for).second, where + " counts one of " + update.site.name + " again");
      must(update.digest == sha256_hex(wire::payload_of(expected)),
           where + " counts another update of " + update.site.name);
      mean->add(expected.values, {.examples = update.examples,
                                  .steps = static_cast<std::uint32_t>(update.values.at("steps")),
                                  .staleness = update.staleness});
      done.updates.push_back(coordinator::counted_of(update));
    }
    versions.push_back(versions.back());
    mean->apply_to(versions.back().values);
    must(row.adapter_digest == versions.back().digest(), where + " made another adapter than an undisturbed run");
    past.note(done);
    ++outcome_.rounds;
  });
  must(outcome_.rounds == rounds_.count || rounds_.patience > 0, "rounds are missing");
  const StateDict& best = versions.at(result.best_version);
  must(result.adapter_digest == best.digest(), "the result is not the adapter of its round");
  must(static_cast<bool>(folder.read_version(result.best_version, result.adapter_digest)),
       "the best version cannot be read");
  Result<MappedFile> tensors = node.disk.read(folder.adapter() / "adapter_model.safetensors");
  must(static_cast<bool>(tensors), "adapter/ was not written");
  const auto opened = Safetensors::of(std::move(tensors).value(), folder.adapter());
  must(opened && state_dict_from(opened.value()).value().values == best.values, "adapter/ holds something else");
  must(node.disk.exists(folder.summary()), "summary.json was not written");
  outcome_.late = static_cast<std::uint64_t>(ledger.refusals().size());
  outcome_.adapter_digest = result.adapter_digest;
  node.machine.dead = true;
}

}  // namespace weft::chaos
