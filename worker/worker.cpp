// The loop: carries events to the session and performs its actions.
#include "worker/worker.h"

#include <deque>
#include <optional>

#include "common/base/log.h"
#include "worker/base_folder.h"
#include "worker/receipts.h"
#include "worker/run_counts.h"
#include "worker/session.h"
#include "worker/spool.h"
#include "worker/training_thread.h"

namespace weft::worker {
namespace {

SessionEvent event_of(net::ClientEvent event) {
  if (auto* up = std::get_if<net::Up>(&event)) return *up;
  if (auto* down = std::get_if<net::Down>(&event)) return std::move(*down);
  Result<wire::Message> message = wire::decode(std::get<net::Message>(event).bytes);
  if (!message) return Garbled{message.error().message};
  return std::move(message).value();
}

}  // namespace

void say_to_log(bool warning, const std::string& text) { warning ? log::warn(text) : log::info(text); }

DiskNeed disk_need(const std::filesystem::path& folder, std::uint64_t update_bytes) {
  constexpr std::uint64_t kRest = 64 << 10;  // counts and receipts
  return {folder, 2 * update_bytes + kRest, "two finished updates of " + human_bytes(update_bytes)};
}

struct Worker::State {
  State(WorkerOptions given, net::ClientTransport& link, const Clock& time, const Rng& rng, MakeRunner make)
      : options(std::move(given)),
        transport(link),
        clock(time),
        make_runner(std::move(make)),
        spool(options.folder, *options.disk),
        session({.site = options.site,
                 .weft_version = options.weft_version,
                 .coordinator = options.coordinator,
                 .policy = options.policy,
                 .fetch_into = options.fetch_into.string()},
                rng.stream("reconnect", options.site.name)),
        mailbox([this] { transport.wake(); }) {
    if (!options.fetch_into.empty()) base.emplace(options.fetch_into, options.site, *options.disk);
    if (!make_runner)
      make_runner = [this](Mailbox& box) {
        return std::make_unique<TrainingThread>(TaskPerformer(options.make_trainer, options.site, state_folder(), base),
                                                box);
      };
  }

  void feed(SessionEvent event) { perform(session.on(with_room(std::move(event)), clock.now())); }
  SessionEvent with_room(SessionEvent event);
  void perform(std::vector<SessionAction> actions);
  void act(const Connect& /*action*/) { transport.connect(); }
  void act(const Disconnect& /*action*/) { transport.close(); }
  void act(const Send& action) { transport.send(wire::encode(action.message)); }
  void act(const LookForBase& /*action*/) { feed(BaseLooked{base->there()}); }
  void act(const OpenBase& action) { runner->start(action); }
  void act(const KeepPiece& action);
  void act(const InstallBase& action) { runner->start(action); }
  void act(const Load& action) { runner->start(action); }
  void act(const Score& action) { runner->start(action); }
  void act(const Train& action) { runner->start(action); }
  void act(const Cancel& /*action*/) { runner->cancel(); }
  void act(const ReadSpool& action);
  void act(const Keep& action);
  void act(const KeepReceipt& action);
  void act(const Count& action);
  StateFolder state_folder() const { return {.path = options.folder, .disk = options.disk, .clock = &clock}; }
  void act(const Forget& action) { spool.forget(action.run_id, action.round); }
  void act(const EndRun& action) { ended_run = action.run_id; }
  void end_run();
  void act(const Say& action) { options.say(action.warning, action.text); }
  void act(const Finish& action) { result = action.result; }

  WorkerOptions options;
  net::ClientTransport& transport;
  const Clock& clock;
  MakeRunner make_runner;
  Spool spool;
  std::optional<BaseFolder> base;
  Session session;
  Mailbox mailbox;
  std::deque<SessionAction> queue;  // in the order in which they were decided
  bool performing = false;
  std::optional<WorkerResult> result;
  std::string ended_run;
  std::unique_ptr<TaskRunner> runner;  // last: it posts into the mailbox
};

// A finished update that the disk has no room for would be training for nothing, so the trainer is as good as not
// there.
SessionEvent Worker::State::with_room(SessionEvent event) {
  const auto* loaded = std::get_if<TrainerLoaded>(&event);
  if (loaded == nullptr) return event;
  const RoomFound found =
      room_for(disk_need(options.folder, loaded->facts.manifest->total() * sizeof(float)), *options.disk);
  if (found.room == Room::none) return TaskFailed{loaded->task, false, found.text};
  if (found.room == Room::tight) options.say(true, found.text);
  return event;
}

// An action may lead to an event at once (ReadSpool, Keep); what is decided then comes after what was decided before.
void Worker::State::perform(std::vector<SessionAction> actions) {
  std::move(actions.begin(), actions.end(), std::back_inserter(queue));
  if (std::exchange(performing, true)) return;
  while (!queue.empty()) {
    const SessionAction action = std::move(queue.front());
    queue.pop_front();
    std::visit([this](const auto& each) { act(each); }, action);
  }
  performing = false;
}

void Worker::State::act(const ReadSpool& action) {
  const Result<RunCounts> counts = read_counts(options.folder, action.asker, *options.disk);
  if (!counts) return feed(DiskFailed{counts.error().message});
  if (const std::size_t others = spool.count_of_others(action.run_id); others > 0)
    options.say(false, std::to_string(others) + " finished updates of other runs are kept in " +
                           options.folder.string() + "; once those runs have ended, remove them (RUN_ID-ROUND.update)");
  Result<std::vector<FinishedUpdate>> updates = spool.of_run(action.run_id);
  if (!updates) return feed(DiskFailed{"the finished updates cannot be read: " + updates.error().message});
  feed(SpoolRead{std::move(updates).value(), counts.value()});
}

void Worker::State::act(const Count& action) {
  const Status written = write_counts(options.folder, action.asker, action.counts, *options.disk);
  if (!written) feed(DiskFailed{"what the run asks cannot be counted: " + written.error().message});
}

void Worker::State::act(const Keep& action) {
  Status kept = spool.put(action.update);
  const std::uint64_t size = action.update.payload->size();
  if (!kept && options.disk->free_bytes(options.folder).value_or(size) < size) {  // the kept training is in the way
    drop_kept_training(state_folder(), action.update.run_id);
    kept = spool.put(action.update);
  }
  if (!kept) return feed(DiskFailed{"the finished update cannot be kept: " + kept.error().message});
  drop_kept_training(state_folder(), action.update.run_id);
  feed(Kept{action.update});
}

void Worker::State::act(const KeepPiece& action) {
  if (const Status kept = base->append(action.name, action.bytes); !kept)
    feed(DiskFailed{"the base model cannot be kept: " + kept.error().message +
                    "; what has arrived stays, and the worker goes on from there when it is started again"});
}

void Worker::State::act(const KeepReceipt& action) {
  const Status kept = keep_receipt(options.folder, action.receipt, *options.disk);
  if (kept)
    feed(ReceiptKept{action.receipt.round});
  else
    feed(DiskFailed{"the receipt cannot be kept: " + kept.error().message});
}

// Once nothing is under way that could be kept: what was removed does not come back with a power cut.
void Worker::State::end_run() {
  drop_kept_training(state_folder(), ended_run);
  if (const Status synced = options.disk->sync(options.folder); !synced) options.say(true, synced.error().message);
}

Worker::Worker(WorkerOptions options, net::ClientTransport& transport, const Clock& clock, const Rng& rng,
               MakeRunner make_runner)
    : state_(std::make_unique<State>(std::move(options), transport, clock, rng, std::move(make_runner))) {}

Worker::~Worker() = default;

WorkerResult Worker::run(const std::stop_token& stop) {
  const std::stop_callback woken(stop, [&] { state_->transport.wake(); });
  start();
  for (;;)
    if (auto result = step(stop)) return *result;
}

void Worker::start() {
  state_->runner = state_->make_runner(state_->mailbox);
  state_->perform(state_->session.start(state_->clock.now()));
}

std::optional<WorkerResult> Worker::step(const std::stop_token& stop) {
  State& self = *state_;
  std::optional<SessionEvent> event = self.mailbox.take();
  const bool look_only = event.has_value();  // at the transport: more may be in the mailbox
  if (stop.stop_requested()) event = StopAsked{};
  if (!event && self.clock.now() >= self.session.wake_at()) event = Tick{};
  if (event) self.feed(std::move(*event));
  if (!self.result) {
    const TimePoint until = look_only ? self.clock.now() : self.session.wake_at();
    if (std::optional<net::ClientEvent> heard = self.transport.receive(until)) self.feed(event_of(std::move(*heard)));
  }
  if (self.result) {
    self.runner.reset();
    if (!self.ended_run.empty()) self.end_run();
    self.transport.close();
  }
  return self.result;
}

TimePoint Worker::wake_at() const { return state_->session.wake_at(); }

}  // namespace weft::worker
