#include "tests/chaos/nodes.h"

#include <utility>

#include "common/metrics/scheme.h"
#include "coordinator/run_folder.h"

namespace weft::chaos {

World::CoordinatorNode::CoordinatorNode(World& whole) : Node(whole, "coordinator") {
  machine.dead = false;  // somebody has put the base model there
  disk.make_folder(kModelFolder);
  for (const auto& [file, bytes] : world.base_)
    if (const Status put = disk.write_atomic(kModelFolder / file, bytes, 0644); !put) throw Broken{put.error().message};
  machine.dead = true;
}

void World::CoordinatorNode::make() {
  observer.world = &world;
  if (!world.promises_.empty()) {
    Machine elsewhere(world.schedule_);  // so that what the program finds is not mended for it
    elsewhere.dead = false;
    SimDisk copy(elsewhere, world.rng_.stream("copy"));
    const std::filesystem::path ledger = coordinator::RunFolder(kRunFolder).ledger();
    copy.take_from(disk, ledger.string());
    world.check_promises(coordinator::Ledger(ledger, {}, copy));
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
  options.sites = world.listed_;
  options.signer = world.signer_;
  options.rounds = world.rounds_;
  options.aggregation = world.aggregation_;
  options.base_digest = base_digest(world.base_list_);
  options.base_files = world.base_list_;
  options.base_folder = kModelFolder;
  options.initial = world.initial_;
  options.scheme = metrics::classification_scheme(2);
  options.peft = {.base_model = "base", .adapter = {.target_modules = {.names = {"query"}}, .rank = 2}};
  options.facts = {.labels = {"no", "yes"}, .max_tokens = 8};
  options.peak_rss = [] { return std::uint64_t{1} << 20; };
  options.transfer_bytes = 1;  // two uploads and four downloads at a time
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

World::SiteNode::SiteNode(World& whole, SiteId id)
    : Node(whole, id.name),
      site_id(std::move(id)),
      how{.clock = TrainingClock(clock),
          .spoils = [this](std::uint32_t round) { return world.spoils(site_id, round); }} {
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
  if (world.without_base_.contains(site_id)) options.fetch_into = kModelFolder;
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
  if (result->outcome == worker::Outcome::misconfigured && (world.left_.contains(site_id) || world.spoiler_ == site_id))
    throw Failure(result->reason);  // it may be let in again
  if (result->outcome != worker::Outcome::finished) throw Broken{"site " + name + " ended: " + result->reason};
  return false;
}

void World::SiteNode::drop() {
  program.reset();
  transport.reset();
}

std::optional<worker::BaseFolder> World::SiteNode::base() {
  if (!world.without_base_.contains(site_id)) return std::nullopt;
  return worker::BaseFolder(kModelFolder, site_id, disk);
}

// Nothing but the whole base model may be parsed, whatever happened while it came.
std::unique_ptr<fl::LocalTrainer> World::SiteNode::make_trainer() {
  if (world.without_base_.contains(site_id) && !machine.dead) {
    std::map<std::string, Bytes> found;
    for (const auto& path : disk.list(kModelFolder)) {
      Result<MappedFile> file = disk.read(path);
      if (!file) throw Failure(file.error().message);
      found[path.filename()] = {file->bytes().begin(), file->bytes().end()};
    }
    if (found != world.base_) throw Broken{"site " + name + " would train with what is not the base model"};
  }
  return std::make_unique<SimTrainer>(site_id, world.examples_.at(site_id), world.manifest_,
                                      base_digest(world.base_list_), how);
}

World::Tasks::Tasks(SiteNode& node, worker::Mailbox& mailbox)
    : node_(node),
      mailbox_(mailbox),
      performer_([&node](const YamlView& /*settings*/) { return node.make_trainer(); }, node.site_id,
                 {.path = kStateFolder, .disk = &node.disk, .clock = &node.how.clock}, node.base()),
      random_(node.world.rng_.stream("tasks", node.name, node.world.outcome_.counts["starts"])) {}

void World::Tasks::start(worker::Task task) {
  if (const auto* training = std::get_if<worker::Train>(&task)) check(*training);
  node_.how.step = Milliseconds(200 + random_.below(random_.below(4) == 0 ? 60'000 : 12'000));
  std::optional<worker::SessionEvent> event = performer_.perform(task, {}, {});
  const Milliseconds takes = std::exchange(node_.how.clock.ahead, {}) + Milliseconds(50 + random_.below(3'000));
  free_at_ = std::max(free_at_, node_.machine.now()) + takes;
  node_.world.schedule_.at(free_at_, [this, alive = alive_, now = *alive_, event = std::move(event)]() mutable {
    if (*alive == now && event) mailbox_.put(std::move(*event));
  });
}

// What was finished is on the disk until its fate is known, and then it is not asked for any more; but if it was
// refused and the coordinator died before its round was durable, it is.
void World::Tasks::check(const worker::Train& task) const {
  if (node_.finished.contains({task.round, task.adapter_digest}) && !node_.world.spoils(node_.site_id, task.round))
    throw Broken{"site " + node_.name + " trains round " + std::to_string(task.round) +
                 " again though it has finished that before"};
}

}  // namespace weft::chaos
