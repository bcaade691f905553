// What must hold when a run has ended, whatever went wrong on the way.
#include <algorithm>
#include <set>

#include "common/base/digest.h"
#include "common/fl/aggregator.h"
#include "common/fl/cohort.h"
#include "common/fl/past.h"
#include "common/fl/sampling.h"
#include "common/tensor/safetensors.h"
#include "common/wire/receipt.h"
#include "common/wire/transfer.h"
#include "coordinator/ledger.h"
#include "coordinator/ledger_check.h"
#include "coordinator/run_folder.h"
#include "tests/chaos/nodes.h"
#include "worker/receipts.h"
#include "worker/spool.h"

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
  if (const auto* resume = std::get_if<wire::Resume>(&said.value()))
    if (const std::uint64_t bytes = update_bytes(); bytes > wire::kChunkBytes && resume->offset < bytes) {
      outcome_.counts["uploads gone on with"] += resume->offset > 0 ? 1 : 0;
      disturb_upload(site);
    }
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

// Who was asked follows from the history, and enough of them counted. A site that was refused too often is not asked
// any more; which list of sites held, the ledger does not say.
void World::check_round(const coordinator::RoundRow& row, const fl::Past& past,
                        const std::vector<fl::PastRefusal>& refused) const {
  const std::string where = "round " + std::to_string(row.round);
  must(!row.updates.empty(), where + " counts nothing");
  for (const coordinator::UpdateRow& update : row.updates)
    must(update.examples == examples_.at(update.site), where + ": examples of " + update.site.name);
  const auto refusals = std::count_if(refused.begin(), refused.end(),
                                      [&](const fl::PastRefusal& each) { return each.seen_in < row.round; });
  const bool aside = rounds_.max_refusals > 0 && refusals >= rounds_.max_refusals;
  must(!aside || std::find(row.cohort.begin(), row.cohort.end(), *spoiler_) == row.cohort.end(),
       where + " asked a site that was put aside");
  if (rounds_.buffered()) return;
  must(std::any_of(lists_.begin(), lists_.end(),
                   [&](std::vector<SiteId> sites) {
                     if (aside) std::erase(sites, *spoiler_);
                     const fl::Cohort cohort = fl::choose_cohort(rounds_, sites, past, Rng(seed_), row.round);
                     return row.cohort == cohort.sites &&
                            row.updates.size() >= fl::quorum_size(rounds_.quorum, cohort.wanted);
                   }),
       where + " asked other sites, or has no quorum");
}

// What the round makes of the updates that it counted, computed without a disk or a network.
StateDict World::next_version(const coordinator::RoundRow& row, const std::vector<StateDict>& versions,
                              std::size_t sites) const {
  auto& node = static_cast<CoordinatorNode&>(*nodes_.front());
  const auto mean = fl::make_aggregator(aggregation_, {.sites = sites,
                                                       .parameters = manifest_->total(),
                                                       .local_steps = rounds_.local_steps,
                                                       .min_steps = fl::least_steps(rounds_),
                                                       .scratch = [&] { return node.disk.scratch("/").value(); }});
  for (const coordinator::UpdateRow& update : row.updates) {
    const std::uint32_t made_for = row.round - update.staleness;
    mean->add(update_of(update.site, made_for, versions.at(made_for - 1)).values,
              {.examples = update.examples,
               .steps = static_cast<std::uint32_t>(update.values.at("steps")),
               .staleness = update.staleness});
  }
  StateDict next = versions.back();
  mean->apply_to(next.values);
  return next;
}

std::vector<StateDict> World::check_rounds(const coordinator::Ledger& ledger) {
  std::vector<StateDict> versions{initial_};
  std::set<std::pair<SiteId, std::uint32_t>> counted;  // each update once
  std::set<std::size_t> sizes;                         // of the site lists: the accumulator's scale follows from them
  for (const auto& list : lists_) sizes.insert(list.size());
  const std::vector<fl::PastRefusal> refused = ledger.history("accuracy").refused;
  fl::Past past;
  ledger.each_round([&](const coordinator::RoundRow& row) {
    const std::string where = "round " + std::to_string(row.round);
    must(row.round == versions.size(), where + " follows round " + std::to_string(versions.size() - 1));
    check_round(row, past, refused);
    fl::PastRound done{.round = row.round, .cohort = row.cohort, .updates = {}};
    for (const coordinator::UpdateRow& update : row.updates) {
      const std::uint32_t made_for = row.round - update.staleness;
      must(update.staleness <= rounds_.max_staleness, where + " counts too old an update of " + update.site.name);
      must(counted.emplace(update.site, made_for).second, where + " counts one of " + update.site.name + " again");
      must(!spoils(update.site, made_for), where + " counts a bad update of " + update.site.name);
      const StateDict expected = update_of(update.site, made_for, versions.at(made_for - 1));
      must(update.digest == sha256_hex(wire::payload_of(expected)),
           where + " counts another update of " + update.site.name);
      done.updates.push_back(coordinator::counted_of(update));
    }
    StateDict next;
    must(std::any_of(sizes.begin(), sizes.end(),
                     [&](std::size_t size) {
                       next = next_version(row, versions, size);
                       return next.digest() == row.adapter_digest;
                     }),
         where + " made another adapter than an undisturbed run");
    versions.push_back(std::move(next));
    past.note(done);
  });
  outcome_.counts["rounds"] += versions.size() - 1;
  must(versions.size() - 1 == rounds_.count || rounds_.patience > 0, "rounds are missing");
  return versions;
}

// Only what is bad is refused. A site is put aside, and said to be, when it was refused too often, and not before.
void World::check_refusals(const coordinator::Ledger& ledger) {
  const std::uint32_t committed = ledger.committed();
  const std::vector<fl::PastRefusal> past = ledger.history("accuracy").refused;
  std::set<std::uint32_t> rounds;
  for (const auto& [update, seen_in] : past)
    if (seen_in <= committed) rounds.insert(update.round);
  const bool aside = rounds_.max_refusals > 0 && rounds.size() >= rounds_.max_refusals;
  const auto said = ledger.refusals_by_kind();
  must(said.contains("put_aside") == aside, aside ? "nobody was put aside" : "a site was put aside too soon");
  for (const coordinator::RefusalRow& refusal : ledger.refusals()) {
    ++outcome_.counts[refusal.kind == "put_aside" ? "put aside" : "refusals"];
    must(refusal.kind != "put_aside" || refusal.site == spoiler_, refusal.site.name + " was put aside");
    if (!fl::is_of_update(refusal.kind)) continue;
    must(spoils(refusal.site, refusal.round), "a good update was refused: round " + std::to_string(refusal.round) +
                                                  " of " + refusal.site.name + ": " + refusal.reason);
    ++outcome_.counts["spoiled updates"];
  }
}

// A site that has heard of the end has nothing of the run but its counts and receipts, so no update without one.
void World::check_leftovers() const {
  for (const auto& node : nodes_) {
    if (node->site() == nullptr || !node->done) continue;
    for (const std::filesystem::path& file : node->disk.list(kStateFolder))
      must(file.extension() == ".counts" || file.filename() == "receipts",
           node->name + " has heard of the end, and has left " + file.string());
  }
}

// The ledger is what was signed, and says what the sites' receipts say. A site that has finished an update has it
// still, or its receipt, if it was counted.
void World::check_receipts(const coordinator::Ledger& ledger) {
  if (!signer_) return;
  coordinator::CheckRequest request{.folder = {}, .receipts = {}, .ca = {}};  // versions were read before
  std::set<std::pair<SiteId, std::string>> kept;
  for (const auto& node : nodes_) {
    if (node->site() == nullptr) continue;
    node->machine.dead = false;  // so that its disk may be read
    for (worker::StoredReceipt& stored : worker::receipts_of(kStateFolder, kRunId, node->disk)) {
      if (stored.receipt) kept.emplace(*node->site(), stored.receipt->digest);
      request.receipts.push_back({node->name + stored.file.string(), std::move(stored.receipt)});
    }
    for (const std::filesystem::path& file : node->disk.list(kStateFolder))
      if (file.extension() == ".update")
        kept.emplace(*node->site(), worker::decode_update(node->disk.read(file).value().bytes()).value().digest);
    node->machine.dead = true;
  }
  outcome_.counts["receipts"] += request.receipts.size();
  for (const std::string& fault : coordinator::check_ledger(ledger, request).faults) must(false, fault);
  ledger.each_round([&](const coordinator::RoundRow& row) {
    for (const coordinator::UpdateRow& update : row.updates)
      must(kept.contains({update.site, update.digest}),
           update.site.name + " has neither an update nor its receipt of round " + std::to_string(row.round));
  });
}

void World::check_result(const coordinator::CoordinatorResult& result, const StateDict& best) const {
  auto& disk = nodes_.front()->disk;
  const coordinator::RunFolder folder(kRunFolder, disk);
  must(result.adapter_digest == best.digest(), "the result is not the adapter of its round");
  must(static_cast<bool>(folder.read_version(result.best_version, result.adapter_digest)),
       "the best version cannot be read");
  Result<MappedFile> tensors = disk.read(folder.adapter() / "adapter_model.safetensors");
  must(static_cast<bool>(tensors), "adapter/ was not written");
  const auto opened = Safetensors::of(std::move(tensors).value(), folder.adapter());
  must(opened && state_dict_from(opened.value()).value().values == best.values, "adapter/ holds something else");
  must(disk.exists(folder.summary()), "summary.json was not written");
  must(disk.list(folder.incoming()).empty(), "updates are left in incoming/");
}

void World::check_end() {
  auto& node = static_cast<CoordinatorNode&>(*nodes_.front());
  must(node.result->finished, "the coordinator ended without a result");
  node.machine.dead = false;  // so that its disk may be read
  const coordinator::Ledger ledger(coordinator::RunFolder(kRunFolder, node.disk).ledger(), {}, node.disk);
  check_promises(ledger);
  check_refusals(ledger);
  const std::vector<StateDict> versions = check_rounds(ledger);
  check_result(*node.result, versions.at(node.result->best_version));
  check_receipts(ledger);
  check_leftovers();
  for (const auto& each : nodes_)
    if (const auto* site = dynamic_cast<const SiteNode*>(each.get()))
      outcome_.counts["trainings gone on with"] += site->how.resumed;
  outcome_.adapter_digest = node.result->adapter_digest;
  node.machine.dead = true;
}

}  // namespace weft::chaos
