// What must hold when a run has ended, whatever went wrong on the way.
#include "common/base/digest.h"
#include "common/fl/aggregator.h"
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

fl::AggregationConfig World::aggregation() const {
  fl::AggregationConfig config;
  config.max_update_norm = 1e4;
  config.max_examples = 1000;
  return config;
}

void World::note(const SiteId& site, ByteSpan message) {
  const Result<wire::Message> said = wire::decode(message);
  must(static_cast<bool>(said), "the coordinator says what is no message");
  const auto* settled = std::get_if<wire::Settled>(&said.value());
  if (settled != nullptr && settled->verdict == "committed")
    promises_.push_back({site, settled->round, settled->digest});
}

// A site that was told "committed" has forgotten its update: no crash may take the commit back.
void World::check_promises(const coordinator::Ledger& ledger) const {
  for (const Promise& promise : promises_)
    must(ledger.committed(promise.site, promise.round, promise.digest).has_value(),
         "round " + std::to_string(promise.round) + " of " + promise.site.name +
             " is not in the ledger, though the site was told that it is");
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
  const std::vector<coordinator::RoundRow> rounds = ledger.rounds();
  const auto mean = fl::make_aggregator(aggregation(), sites_.size(), manifest_->total(), {});
  StateDict adapter = initial_;
  StateDict best = initial_;
  for (const coordinator::RoundRow& row : rounds) {
    const std::string where = "round " + std::to_string(row.round);
    must(row.round == outcome_.rounds + 1, where + " follows round " + std::to_string(outcome_.rounds));
    ++outcome_.rounds;
    must(row.cohort == fl::draw_cohort(sites_, rounds_.fraction, Rng(seed_), row.round), where + " asked other sites");
    must(row.updates.size() >= fl::quorum_size(rounds_.quorum, row.cohort.size()), where + " has no quorum");
    mean->clear();
    for (const coordinator::UpdateRow& update : row.updates) {
      const StateDict expected = update_of(update.site, row.round, adapter);
      must(std::find(row.cohort.begin(), row.cohort.end(), update.site) != row.cohort.end(),
           where + " counts " + update.site.name + ", which was not asked");
      must(update.digest == sha256_hex(wire::payload_of(expected)),
           where + " counts another update of " + update.site.name);
      must(update.examples == examples_.at(update.site), where + ": examples of " + update.site.name);
      mean->add(expected.values, update.examples);
    }
    mean->apply_to(adapter.values);
    must(row.adapter_digest == adapter.digest(), where + " made another adapter than an undisturbed run");
    if (row.round == result.best_version) best = adapter;
  }
  must(rounds.size() == rounds_.count || rounds_.patience > 0, "rounds are missing");
  must(result.adapter_digest == best.digest(), "the result is not the adapter of its round");
  const auto stored = folder.read_version(result.best_version, result.adapter_digest);
  must(static_cast<bool>(stored), "the best version cannot be read");
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
