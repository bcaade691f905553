// A whole run in one thread and from one seed: coordinator and sites as they are, on simulated machines, disks and a
// simulated network, while things go wrong. Afterwards what DESIGN promises is checked.
#pragma once
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "common/crypto/signature.h"
#include "common/fl/past.h"
#include "coordinator/coordinator.h"
#include "coordinator/ledger.h"
#include "tests/chaos/machine.h"
#include "tests/chaos/sim_disk.h"
#include "tests/chaos/sim_network.h"
#include "worker/worker.h"

namespace weft::chaos {

struct Outcome {
  std::map<std::string, std::uint64_t> counts;  // of what happened: "kills", "rounds", ...
  double simulated_seconds = 0;
  std::string adapter_digest;
};

class World {
 public:
  // `say`: told all that happens, with the simulated time; may be empty.
  World(std::uint64_t seed, std::function<void(const std::string&)> say);
  ~World();
  // Until the run has finished. Throws Broken.
  Outcome run();

 private:
  struct Node;
  struct CoordinatorNode;
  struct SiteNode;
  class Tasks;

  void draw_job();
  void draw_base();
  void draw_trouble();
  std::uint64_t update_bytes() const { return manifest_->total() * sizeof(float); }
  bool spoils(const SiteId& site, std::uint32_t round) const;

  // Life of processes (world.cpp).
  void go_on_until(const std::function<bool()>& done, TimePoint limit);
  bool run_ready();
  void advance();
  void start(Node& node);
  void ended(Node& node, bool silent, const std::string& why);
  void failed(Node& node, const std::exception& error, const std::string& how);
  void step(Node& node);
  bool finished() const;
  void say(const Node& node, const std::string& what) const;

  // What goes wrong (faults.cpp).
  void plan_faults(TimePoint until);
  void fault(Node& node);
  void fill_disk(Node& node, Milliseconds lasting);
  void spoil_disk(Node& node, Milliseconds lasting);
  void cut_link(const SiteId& site, Milliseconds lasting);
  void disturb_upload(const SiteId& site);
  void cut_power(Node& node);
  void calm();
  void change_list();
  Node& any_node();

  // What must hold (checks.cpp).
  void note(const SiteId& site, ByteSpan message);  // what the coordinator says to a site
  void check_promises(const coordinator::Ledger& ledger) const;
  void check_end();
  std::vector<StateDict> check_rounds(const coordinator::Ledger& ledger);  // all versions
  void check_round(const coordinator::RoundRow& row, const fl::Past& past,
                   const std::vector<fl::PastRefusal>& refused) const;
  void check_result(const coordinator::CoordinatorResult& result, const StateDict& best) const;
  void check_refusals(const coordinator::Ledger& ledger);
  void check_receipts(const coordinator::Ledger& ledger);
  void check_leftovers() const;
  StateDict next_version(const coordinator::RoundRow& row, const std::vector<StateDict>& versions,
                         std::size_t sites) const;

  std::uint64_t seed_;
  std::function<void(const std::string&)> say_;
  Rng rng_;
  RngStream random_;
  Schedule schedule_;
  SimNetwork network_;
  std::vector<SiteId> sites_;
  std::map<SiteId, std::uint64_t> examples_;
  std::shared_ptr<const Manifest> manifest_;
  std::map<std::string, Bytes> base_;  // the base model's files
  BaseList base_list_;
  std::set<SiteId> without_base_;  // sites that fetch it
  std::optional<crypto::Signer> signer_;
  std::optional<SiteId> spoiler_;        // whose updates are not always fit to be counted
  bool changes_ = false;                 // of the site list
  std::vector<SiteId> listed_;           // as the run file has them now
  std::set<std::vector<SiteId>> lists_;  // as it had them
  std::set<SiteId> left_, revoked_;      // taken off at some time; for good
  StateDict initial_;
  fl::RoundsConfig rounds_;
  fl::AggregationConfig aggregation_;
  std::vector<std::unique_ptr<Node>> nodes_;  // the coordinator first
  struct Promise {                            // what became of an update, as its site was told
    SiteId site;
    std::uint32_t round = 0;
    std::string digest;
    bool committed = false;
  };
  std::vector<Promise> promises_;
  Outcome outcome_;
  bool calm_ = false;
};

}  // namespace weft::chaos
