// The loop: carries events to the session and performs its actions.
#include "worker/worker.h"

#include <deque>
#include <mutex>
#include <optional>

#include "common/base/log.h"
#include "worker/receipts.h"
#include "worker/run_counts.h"
#include "worker/session.h"
#include "worker/spool.h"
#include "worker/training_thread.h"

namespace weft::worker {
namespace {

// From the training thread to the talking one. Of progress only the latest is kept, so the queue stays short.
class Mailbox {
 public:
  void put(SessionEvent event) {
    const std::lock_guard lock(mutex_);
    if (std::holds_alternative<TaskProgress>(event) && !events_.empty() &&
        std::holds_alternative<TaskProgress>(events_.back()))
      events_.back() = std::move(event);
    else
      events_.push_back(std::move(event));
  }
  std::optional<SessionEvent> take() {
    const std::lock_guard lock(mutex_);
    if (events_.empty()) return std::nullopt;
    SessionEvent event = std::move(events_.front());
    events_.pop_front();
    return event;
  }

 private:
  std::mutex mutex_;
  std::deque<SessionEvent> events_;
};

SessionEvent event_of(net::ClientEvent event) {
  if (auto* up = std::get_if<net::Up>(&event)) return *up;
  if (auto* down = std::get_if<net::Down>(&event)) return std::move(*down);
  Result<wire::Message> message = wire::decode(std::get<net::Message>(event).bytes);
  if (!message) return Garbled{message.error().message};
  return std::move(message).value();
}

}  // namespace

void say_to_log(bool warning, const std::string& text) { warning ? log::warn(text) : log::info(text); }

struct Worker::State {
  State(WorkerOptions given, net::ClientTransport& link, const Clock& time, const Rng& rng)
      : options(std::move(given)),
        transport(link),
        clock(time),
        spool(options.folder),
        session({.site = options.site,
                 .weft_version = options.weft_version,
                 .coordinator = options.coordinator,
                 .policy = options.policy},
                rng.stream("reconnect", options.site.name)) {}

  void feed(SessionEvent event) { perform(session.on(std::move(event), clock.now())); }
  void perform(std::vector<SessionAction> actions);
  void act(const Connect& /*action*/) { transport.connect(); }
  void act(const Disconnect& /*action*/) { transport.close(); }
  void act(const Send& action) { transport.send(wire::encode(action.message)); }
  void act(const Load& action) { trainer->start(action); }
  void act(const Score& action) { trainer->start(action); }
  void act(const Train& action) { trainer->start(action); }
  void act(const Cancel& /*action*/) { trainer->cancel(); }
  void act(const ReadSpool& action);
  void act(const Keep& action);
  void act(const KeepReceipt& action);
  void act(const Count& action);
  void act(const Forget& action) { spool.forget(action.run_id, action.round); }
  void act(const Say& action) { options.say(action.warning, action.text); }
  void act(const Finish& action) { result = action.result; }

  WorkerOptions options;
  net::ClientTransport& transport;
  const Clock& clock;
  Spool spool;
  Session session;
  Mailbox mailbox;
  std::deque<SessionAction> queue;  // in the order in which they were decided
  bool performing = false;
  std::optional<WorkerResult> result;
  std::unique_ptr<TrainingThread> trainer;  // last: it posts into the mailbox
};

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
  const Result<RunCounts> counts = read_counts(options.folder, action.asker);
  if (!counts) return feed(DiskFailed{counts.error().message});
  if (const std::size_t others = spool.count_of_others(action.run_id); others > 0)
    options.say(false, std::to_string(others) + " finished updates of other runs are kept in " +
                           options.folder.string() + "; once those runs have ended, remove them (RUN_ID-ROUND.update)");
  feed(SpoolRead{spool.of_run(action.run_id), counts.value()});
}

void Worker::State::act(const Count& action) {
  const Status written = write_counts(options.folder, action.asker, action.counts);
  if (!written) feed(DiskFailed{"what the run asks cannot be counted: " + written.error().message});
}

void Worker::State::act(const Keep& action) {
  const Status kept = spool.put(action.update);
  if (kept)
    feed(Kept{action.update});
  else
    feed(DiskFailed{"the finished update cannot be kept: " + kept.error().message});
}

void Worker::State::act(const KeepReceipt& action) {
  const Status kept = keep_receipt(options.folder, action.receipt);
  if (kept)
    feed(ReceiptKept{action.receipt.round});
  else
    feed(DiskFailed{"the receipt cannot be kept: " + kept.error().message});
}

Worker::Worker(WorkerOptions options, net::ClientTransport& transport, const Clock& clock, const Rng& rng)
    : state_(std::make_unique<State>(std::move(options), transport, clock, rng)) {}

Worker::~Worker() = default;

WorkerResult Worker::run(const std::stop_token& stop) {
  State& self = *state_;
  self.trainer =
      std::make_unique<TrainingThread>(self.options.make_trainer, self.options.site, [&](SessionEvent event) {
        self.mailbox.put(std::move(event));
        self.transport.wake();
      });
  const std::stop_callback woken(stop, [&] { self.transport.wake(); });
  self.perform(self.session.start(self.clock.now()));
  while (!self.result) {
    std::optional<SessionEvent> event = self.mailbox.take();
    const bool look_only = event.has_value();  // at the transport: more may be in the mailbox
    if (stop.stop_requested()) event = StopAsked{};
    if (!event && self.clock.now() >= self.session.wake_at()) event = Tick{};
    if (event) self.feed(std::move(*event));
    if (self.result) break;
    const TimePoint until = look_only ? self.clock.now() : self.session.wake_at();
    if (std::optional<net::ClientEvent> heard = self.transport.receive(until)) self.feed(event_of(std::move(*heard)));
  }
  self.trainer.reset();
  self.transport.close();
  return *self.result;
}

}  // namespace weft::worker
