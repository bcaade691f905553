// The thread that loads, scores and trains, one task after another. It owns the trainer.
#pragma once
#include <condition_variable>
#include <deque>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <stop_token>
#include <thread>
#include <variant>

#include "worker/session.h"

namespace weft::worker {

class TrainingThread {
 public:
  using MakeTrainer = std::function<std::unique_ptr<fl::LocalTrainer>(const YamlView& settings)>;
  using Post = std::function<void(SessionEvent)>;
  using Task = std::variant<Load, Score, Train>;

  // `post` is called on the thread, with what came of each task and with its progress, until the destructor returns.
  TrainingThread(MakeTrainer make_trainer, SiteId site, Post post);
  // Cancels what runs, and waits for it.
  ~TrainingThread();
  TrainingThread(const TrainingThread&) = delete;
  TrainingThread& operator=(const TrainingThread&) = delete;

  void start(Task task);
  // The running task and those that wait. What was under way may still be posted.
  void cancel();

 private:
  void run(const std::stop_token& ended);
  void perform(const Load& task, const std::stop_token& stop);
  void perform(const Score& task, const std::stop_token& stop);
  void perform(const Train& task, const std::stop_token& stop);
  fl::ProgressFn progress_of(TaskId task) const;

  const MakeTrainer make_trainer_;
  const SiteId site_;
  const Post post_;
  std::unique_ptr<fl::LocalTrainer> trainer_;  // of the thread

  std::mutex mutex_;
  std::condition_variable_any changed_;
  std::deque<Task> tasks_;
  std::stop_source stop_;  // of all tasks given since the last cancel()
  std::jthread thread_;    // last: it uses all of the above
};

}  // namespace weft::worker
