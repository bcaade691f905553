// Who performs the tasks of a session: takes the base model, loads, scores and trains, one task after another, and
// posts what came of each.
#pragma once
#include <deque>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <stop_token>
#include <variant>

#include "worker/base_folder.h"
#include "worker/kept_training.h"
#include "worker/session.h"

namespace weft::worker {

using Task = std::variant<OpenBase, InstallBase, Load, Score, Train>;

// From whoever performs tasks to the one that talks. Of progress only the latest is kept, so the queue stays short.
class Mailbox {
 public:
  explicit Mailbox(std::function<void()> wake) : wake_(std::move(wake)) {}
  void put(SessionEvent event);  // any thread
  std::optional<SessionEvent> take();

 private:
  std::function<void()> wake_;
  std::mutex mutex_;
  std::deque<SessionEvent> events_;
};

class TaskRunner {
 public:
  virtual ~TaskRunner() = default;
  virtual void start(Task task) = 0;
  // The running task and those that wait. What was under way may still be posted.
  virtual void cancel() = 0;
};

// Performs one task, in the thread of the caller. Owns the trainer.
class TaskPerformer {
 public:
  using MakeTrainer = std::function<std::unique_ptr<fl::LocalTrainer>(const YamlView& settings)>;
  // `folder`: where trainings that take long are kept. `base`: where the base model comes to lie, if it may be fetched.
  TaskPerformer(MakeTrainer make_trainer, SiteId site, StateFolder folder, std::optional<BaseFolder> base = {})
      : make_trainer_(std::move(make_trainer)),
        site_(std::move(site)),
        folder_(std::move(folder)),
        base_(std::move(base)) {}
  // What came of it; whatever a trainer throws becomes an event. Nothing when `stop` was asked for.
  std::optional<SessionEvent> perform(const Task& task, const fl::ProgressFn& progress, const std::stop_token& stop);

 private:
  SessionEvent run(const OpenBase& task, const fl::ProgressFn& progress, const std::stop_token& stop);
  SessionEvent run(const InstallBase& task, const fl::ProgressFn& progress, const std::stop_token& stop);
  SessionEvent run(const Load& task, const fl::ProgressFn& progress, const std::stop_token& stop);
  SessionEvent run(const Score& task, const fl::ProgressFn& progress, const std::stop_token& stop);
  SessionEvent run(const Train& task, const fl::ProgressFn& progress, const std::stop_token& stop);
  const MakeTrainer make_trainer_;
  const SiteId site_;
  const StateFolder folder_;
  std::optional<BaseFolder> base_;
  std::unique_ptr<fl::LocalTrainer> trainer_;
};

inline TaskId id_of(const Task& task) {
  return std::visit([](const auto& each) { return each.task; }, task);
}

}  // namespace weft::worker
