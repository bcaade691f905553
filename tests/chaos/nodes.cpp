#include "tests/chaos/nodes.h"

#include <utility>

#include "common/metrics/scheme.h"
#include "coordinator/run_folder.h"

namespace weft::chaos {

void World::CoordinatorNode::make() {
  observer.world = &world;
  if (!world.promises_.empty()) {
    const std::int64_t fuse = std::exchange(machine.fuse, 0);
    const bool full = std::exchange(disk.full, false);
    world.check_promises(coordinator::Ledger(coordinator::RunFolder(kRunFolder).ledger(), {}, disk));
    machine.fuse = fuse;
    disk.full = full;
  }
  transport = std::make_unique<SimNetwork::Server>(world.network_, machine);
  coordinator::CoordinatorOptions options;
  options.folder = kRunFolder;
  options.disk = &disk;
  options.resume = resume;
  options.run = "chaos";
  options.run_id = kRunId;
  options.config_digest = "c0ffee";
  options.settings = "rounds: {count: " + std::to_string(world.rounds_.count) +
                     "}\ntask: {kind: sequence_classification, max_tokens: 8}\nadapter: {method: lora}\n"
                     "train: {local_steps: 5, batch_size: 1}\n";
  options.seed = world.seed_;
  options.sites = world.sites_;
  options.rounds = world.rounds_;
  options.aggregation = world.aggregation_;
  options.base_digest = kBaseDigest;
  options.initial = world.initial_;
  options.scheme = metrics::classification_scheme(2);
  options.peft = {.base_model = "base", .adapter = {.target_modules = {.names = {"query"}}, .rank = 2}};
  options.facts = {.labels = {"no", "yes"}, .max_tokens = 8};
  options.transfer_bytes = 1;  // two uploads at a time
  program = std::make_unique<coordinator::Coordinator>(std::move(options), *transport, clock, observer);
  resume = true;
  program->start();
}

bool World::CoordinatorNode::step() {
  result = program->step();
  return !result;
}

void World::CoordinatorNode::drop() {
  program.reset();
  transport.reset();
}

void World::CoordinatorNode::Silent::on(const telemetry::RunEvent& event) {
  if (const auto* committed = std::get_if<telemetry::RoundCommitted>(&event))
    world->say(*world->nodes_.front(), "committed round " + std::to_string(committed->round) + " of " +
                                           std::to_string(committed->counted.size()) + " updates");
}

World::SiteNode::SiteNode(World& whole, SiteId id) : Node(whole, id.name), site_id(std::move(id)) {
  disk.on_written = [this](const std::string& path, ByteSpan content) {
    if (!path.ends_with(".update")) return;
    const auto update = worker::decode_update(content).value();
    finished.emplace(update.round, update.adapter_digest);
  };
}

void World::SiteNode::make() {
  transport = std::make_unique<SimNetwork::Client>(world.network_, machine, site_id);
  worker::WorkerOptions options;
  options.site = site_id;
  options.folder = kStateFolder;
  options.disk = &disk;
  options.coordinator = "sim";
  options.weft_version = "sim";
  options.policy.max_trainings = options.policy.max_scorings = 1'000'000;
  options.say = [this](bool /*warning*/, const std::string& text) { world.say(*this, text); };
  options.make_trainer = [this](const YamlView& /*settings*/) {
    return std::make_unique<SimTrainer>(site_id, world.examples_.at(site_id), world.manifest_);
  };
  program = std::make_unique<worker::Worker>(
      std::move(options), *transport, clock, world.rng_,
      [this](worker::Mailbox& mailbox) { return std::make_unique<Tasks>(*this, mailbox); });
  program->start();
}

bool World::SiteNode::step() {
  const std::optional<worker::WorkerResult> result = program->step();
  if (!result) return true;
  if (result->outcome == worker::Outcome::failed)
    throw Failure(result->reason);  // a full disk: somebody starts it again
  if (result->outcome != worker::Outcome::finished) throw Broken{"site " + name + " ended: " + result->reason};
  return false;
}

void World::SiteNode::drop() {
  program.reset();
  transport.reset();
}

World::Tasks::Tasks(SiteNode& node, worker::Mailbox& mailbox)
    : node_(node),
      mailbox_(mailbox),
      performer_(
          [&node](const YamlView& /*settings*/) {
            return std::make_unique<SimTrainer>(node.site_id, node.world.examples_.at(node.site_id),
                                                node.world.manifest_);
          },
          node.site_id, {.path = kStateFolder, .disk = &node.disk, .clock = &node.clock}),
      random_(node.world.rng_.stream("tasks", node.name, node.world.outcome_.restarts)) {}

void World::Tasks::start(worker::Task task) {
  if (const auto* training = std::get_if<worker::Train>(&task)) check(*training);
  const bool trains = std::holds_alternative<worker::Train>(task);
  std::optional<worker::SessionEvent> event = performer_.perform(task, {}, {});
  const Milliseconds takes(trains ? 1'000 + random_.below(60'000) : 50 + random_.below(3'000));
  free_at_ = std::max(free_at_, node_.machine.now()) + takes;
  node_.world.schedule_.at(free_at_, [this, alive = alive_, now = *alive_, event = std::move(event)]() mutable {
    if (*alive == now && event) mailbox_.put(std::move(*event));
  });
}

// What was finished is on the disk until its fate is known, and then it is not asked for any more.
void World::Tasks::check(const worker::Train& task) const {
  if (node_.finished.contains({task.round, task.adapter_digest}))
    throw Broken{"site " + node_.name + " trains round " + std::to_string(task.round) +
                 " again though it has finished that before"};
}

}  // namespace weft::chaos
