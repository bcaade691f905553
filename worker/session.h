// All decisions of a worker as a pure state machine: events in, actions out. It owns no socket, clock, thread or file;
// whoever drives it performs the actions in order and reports what came of them (see worker.cpp).
//
// A session with the coordinator: Hello, Welcome, Ready, then Work after Work until Finished. The session is lost and
// made again any number of times; what outlives it: the loaded run, the part of the base model or of an adapter that
// has arrived, the adapter, scores, the task that is running, and the updates that wait for their fate.
#pragma once
#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <variant>
#include <vector>

#include "common/base/clock.h"
#include "common/base/ids.h"
#include "common/base/rng.h"
#include "common/fl/local_trainer.h"
#include "common/net/transport.h"
#include "common/wire/messages.h"
#include "common/wire/receipt.h"
#include "common/wire/transfer.h"
#include "worker/base_fetch.h"
#include "worker/outbox.h"
#include "worker/policy.h"
#include "worker/spool.h"
#include "worker/worker.h"

namespace weft::worker {

inline constexpr Milliseconds kFirstRetry{500}, kLastRetry{30'000};  // each wait is 3/4 to all of the doubled one
inline constexpr Milliseconds kPingAfter{20'000};                    // a third of the coordinator's peer_timeout
inline constexpr Milliseconds kProgressEvery{1'000};

// Numbers tasks of the training thread, so that what comes of a cancelled one is not taken for another's.
using TaskId = std::uint64_t;

// Events. Beside these: Up and Down of the transport, and messages from the coordinator.
struct Garbled {  // the coordinator's bytes are no message
  std::string reason;
};
struct TrainerLoaded {
  TaskId task = 0;
  fl::SiteFacts facts;
};
struct Scored {
  TaskId task = 0;
  fl::Evaluation evaluation;
};
struct Trained {
  TaskId task = 0;
  FinishedUpdate update;
};
struct TaskFailed {
  TaskId task = 0;
  bool misconfigured = false;
  std::string reason;
};
struct TaskProgress {
  TaskId task = 0;
  fl::TrainProgress progress;
};
struct SpoolRead {  // the answer to ReadSpool
  std::vector<FinishedUpdate> updates;
  RunCounts counts;
};
struct Kept {  // the answer to Keep: it is on disk
  FinishedUpdate update;
};
struct ReceiptKept {  // the answer to KeepReceipt: it is on disk
  std::uint32_t round = 0;
};
struct BaseLooked {  // the answer to LookForBase
  bool there = false;
};
struct BaseOpened {
  TaskId task = 0;
  std::map<std::string, std::uint64_t> held;  // bytes by file
  std::string warning;                        // may be empty
};
struct BaseChecked {
  TaskId task = 0;
  std::vector<std::string> wrong;  // files that are gone; none: the model is in its place
};
struct DiskFailed {  // ReadSpool, Keep, KeepReceipt, KeepPiece or Count
  std::string reason;
};
struct Tick {};       // the clock reached wake_at()
struct StopAsked {};  // by the site's administrator
using SessionEvent =
    std::variant<net::Up, net::Down, wire::Message, Garbled, TrainerLoaded, Scored, Trained, TaskFailed, TaskProgress,
                 SpoolRead, Kept, ReceiptKept, BaseLooked, BaseOpened, BaseChecked, DiskFailed, Tick, StopAsked>;

// Actions.
struct Connect {};
struct Disconnect {};
struct Send {
  wire::Message message;
};
struct LookForBase {};  // whether the base model's folder has anything in it
struct OpenBase {       // what of it has arrived; makes the place for the rest
  TaskId task = 0;
  BaseList list;
};
struct KeepPiece {  // of the base model, behind what is there of that file
  std::string name;
  Bytes bytes;
};
struct InstallBase {  // check all that arrived, and put it into its place if it is right
  TaskId task = 0;
  BaseList list;
};
struct Load {  // a trainer for the run, in place of the one that is there
  TaskId task = 0;
  std::string settings;
};
struct Score {
  TaskId task = 0;
  std::shared_ptr<const StateDict> adapter;
  std::string split;
};
struct Train {
  TaskId task = 0;
  std::string run_id;
  std::uint32_t round = 0, version = 0;
  std::string adapter_digest;
  std::shared_ptr<const StateDict> start;
  std::uint32_t local_steps = 0;  // 0: as the settings say
};
struct Cancel {};  // the running task
struct ReadSpool {
  std::string run_id;
  Asker asker;  // of the counts
};
struct Keep {
  FinishedUpdate update;
};
struct KeepReceipt {  // before the update that it is of is forgotten
  wire::Receipt receipt;
};
struct Count {  // make it durable, before the training or scoring that it counts begins
  Asker asker;
  RunCounts counts;
};
struct Forget {
  std::string run_id;
  std::uint32_t round = 0;
};
struct EndRun {  // it has ended: nothing of it is needed any more but its receipts
  std::string run_id;
};
struct Say {  // to the site's operator
  bool warning = false;
  std::string text;
};
struct Finish {  // the last action
  WorkerResult result;
};
using SessionAction =
    std::variant<Connect, Disconnect, Send, LookForBase, OpenBase, KeepPiece, InstallBase, Load, Score, Train, Cancel,
                 ReadSpool, Keep, KeepReceipt, Count, Forget, EndRun, Say, Finish>;

struct SessionOptions {
  SiteId site;
  std::string weft_version, coordinator;
  Policy policy;
  std::string fetch_into;  // the base model's folder, for people; empty: the base model is not fetched
};

class Session {
 public:
  Session(SessionOptions options, RngStream jitter);
  std::vector<SessionAction> start(TimePoint now);  // once
  std::vector<SessionAction> on(SessionEvent event, TimePoint now);
  TimePoint wake_at() const;  // when to send a Tick; TimePoint::max(): never

 private:
  enum class Stage { lost, connecting, greeting, welcomed, ready, finished };
  struct Task {
    enum class Kind { open, install, load, score, train } kind = Kind::load;
    TaskId id = 0;
    std::string split;        // of a score
    std::uint32_t round = 0;  // of a training
  };

  void handle(const net::Up& event);
  void handle(const net::Down& event);
  void handle(const wire::Message& event);
  void handle(const Garbled& event);
  void handle(TrainerLoaded event);
  void handle(const Scored& event);
  void handle(Trained event);
  void handle(const TaskFailed& event);
  void handle(const TaskProgress& event);
  void handle(SpoolRead event);
  void handle(Kept event);
  void handle(const ReceiptKept& event);
  void handle(const BaseLooked& event);
  void handle(BaseOpened event);
  void handle(const BaseChecked& event);
  void handle(const DiskFailed& event);
  void handle(const Tick& event);
  void handle(const StopAsked& event);

  void receive(const wire::Welcome& welcome);
  void receive(const wire::Refused& refused);
  void receive(const wire::BaseFiles& files);
  void receive(const wire::Work& work);
  void receive(const wire::Chunk& chunk);
  void receive(const wire::Resume& resume);
  void receive(const wire::Ack& ack);
  void receive(const wire::Settled& settled);
  void committed(const wire::Settled& settled, const FinishedUpdate& update);
  void forget(std::uint32_t round);
  void receive(const wire::Finished& finished);

  bool unexpected(const wire::Message& message) const;
  void begin_run(const wire::Welcome& welcome);
  void load();
  // The base model (session_base.cpp).
  void ask_for_base();
  void receive_base(const wire::Chunk& chunk);
  void go_on_with_base();
  void say_ready();
  void offer_what_is_there(const wire::Work& work);
  void leave_adapter();  // Work names another one
  void go_on();          // starts what Work still lacks
  bool have_adapter();   // or asks for it
  void report_scores();
  TaskId begin(Task task);
  bool is_current(TaskId task) const { return task_ && task_->id == task; }
  void cancel();
  void report(const std::string& stage, std::uint64_t done, std::uint64_t total, double rate);

  void act(SessionAction action) { actions_.push_back(std::move(action)); }
  void say(std::string text) { act(Say{.warning = false, .text = std::move(text)}); }
  void warn(std::string text) { act(Say{.warning = true, .text = std::move(text)}); }
  void send(wire::Message message);
  void send_all(Result<std::vector<wire::Message>> messages);
  void lose(const std::string& reason);       // the session has ended; another one follows
  void break_off(const std::string& reason);  // ends it
  void finish(Outcome outcome, std::string reason, std::uint32_t version = 0);
  // Ends the worker, and says so to the coordinator if it is there. `told`: see wire::Decline.
  void decline(Outcome outcome, const std::string& reason, const std::string& told);
  void decline(const Refusal& refusal);
  bool count(std::int64_t RunCounts::*what, const std::optional<Refusal>& refusal);  // false: declined

  SessionOptions options_;
  RngStream jitter_;
  TimePoint now_{};
  std::vector<SessionAction> actions_;

  // The link.
  Stage stage_ = Stage::lost;
  std::uint32_t failures_ = 0;  // since the last Welcome
  std::uint32_t refusals_ = 0;  // not permanent ones
  TimePoint retry_at_{}, last_sent_{};
  std::optional<TimePoint> last_progress_;

  std::string coordinator_;  // as its certificate names it
  std::string certificate_;  // that certificate; empty within one process

  // The run.
  std::optional<wire::Welcome> run_;
  Asker asker_;
  std::optional<BaseFetch> base_;       // while it is fetched
  std::optional<fl::SiteFacts> facts_;  // once its trainer is loaded
  std::optional<Task> task_;
  TaskId last_task_ = 0;
  Outbox outbox_;
  std::set<std::uint32_t> disputed_;  // rounds whose updates are kept: the coordinator gave no good receipt for them
  RunCounts counts_;

  // The newest Work.
  std::optional<wire::Work> work_;
  bool training_due_ = false;
  std::shared_ptr<const StateDict> adapter_;  // the one that work_ names, once it is here
  std::optional<wire::ChunkReceiver> receiver_;
  bool fetching_ = false;                         // asked for in this session
  std::map<std::string, fl::Evaluation> scores_;  // of that adapter, by split
  std::set<std::string> reported_;                // in answer to work_
};

}  // namespace weft::worker
