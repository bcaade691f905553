// The machines of a World and what runs on them. Private to World.
#pragma once
#include <set>

#include "tests/chaos/sim_trainer.h"
#include "tests/chaos/world.h"
#include "worker/task_runner.h"

namespace weft::chaos {

inline const std::filesystem::path kRunFolder = "/run", kStateFolder = "/state", kModelFolder = "/models/base";
inline const std::string kRunId(32, 'c');

struct World::Node {
  Node(World& whole, std::string called)
      : world(whole),
        name(std::move(called)),
        machine(whole.schedule_),
        clock(machine),
        disk(machine, whole.rng_.stream("disk", name)) {}
  virtual ~Node() = default;
  virtual void make() = 0;                // the program, and starts it; may throw what the program throws
  virtual bool step() = 0;                // false: it has ended well
  virtual bool ready() const = 0;         // something waits for it
  virtual TimePoint wake_at() const = 0;  // of a program that is there
  virtual void drop() = 0;                // the program
  virtual const SiteId* site() const { return nullptr; }  // nullptr: the coordinator

  World& world;
  std::string name;
  Machine machine;
  MachineClock clock;
  SimDisk disk;
  bool done = false;
  int eager = 0;  // steps to make though nothing waits: its mailbox cannot be looked into
};

struct World::CoordinatorNode final : Node {
  explicit CoordinatorNode(World& whole);
  void make() override;
  bool step() override;
  bool ready() const override { return transport->ready(); }
  TimePoint wake_at() const override { return program->wake_at(); }
  void drop() override;

  struct Silent final : telemetry::RunObserver {
    void on(const telemetry::RunEvent& event) override;
    World* world = nullptr;
  } observer;
  std::unique_ptr<SimNetwork::Server> transport;
  std::unique_ptr<coordinator::Coordinator> program;
  std::optional<coordinator::CoordinatorResult> result;
  bool resume = false;
};

struct World::SiteNode final : Node {
  SiteNode(World& whole, SiteId id);
  void make() override;
  bool step() override;
  bool ready() const override { return transport->ready(); }
  TimePoint wake_at() const override { return program->wake_at(); }
  void drop() override;
  const SiteId* site() const override { return &site_id; }

  std::unique_ptr<fl::LocalTrainer> make_trainer();  // checks the base model that it would load
  std::optional<worker::BaseFolder> base();

  SiteId site_id;
  std::set<std::pair<std::uint32_t, std::string>> finished;  // trainings on its disk: round and adapter they start from
  HowToTrain how;
  std::unique_ptr<SimNetwork::Client> transport;
  std::unique_ptr<worker::Worker> program;
};

// Performs tasks at once and posts what came of them later.
class World::Tasks final : public worker::TaskRunner {
 public:
  Tasks(SiteNode& node, worker::Mailbox& mailbox);
  void start(worker::Task task) override;
  void cancel() override { *alive_ = ++generation_; }
  ~Tasks() override { *alive_ = 0; }

 private:
  void check(const worker::Train& task) const;
  SiteNode& node_;
  worker::Mailbox& mailbox_;
  worker::TaskPerformer performer_;
  RngStream random_;
  std::uint64_t generation_ = 1;
  std::shared_ptr<std::uint64_t> alive_ = std::make_shared<std::uint64_t>(1);
  TimePoint free_at_{};
};

}  // namespace weft::chaos
