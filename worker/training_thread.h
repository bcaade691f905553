// The thread that loads, scores and trains, one task after another. It owns the trainer.
#pragma once
#include <condition_variable>
#include <deque>
#include <mutex>
#include <stop_token>
#include <thread>

#include "worker/task_runner.h"

namespace weft::worker {

class TrainingThread final : public TaskRunner {
 public:
  // What comes of each task, and its progress, is put into `mailbox`, until the destructor returns.
  TrainingThread(TaskPerformer performer, Mailbox& mailbox);
  // Cancels what runs, and waits for it.
  ~TrainingThread() override;
  TrainingThread(const TrainingThread&) = delete;
  TrainingThread& operator=(const TrainingThread&) = delete;

  void start(Task task) override;
  void cancel() override;

 private:
  void run(const std::stop_token& ended, TaskPerformer performer);

  Mailbox& mailbox_;
  std::mutex mutex_;
  std::condition_variable_any changed_;
  std::deque<Task> tasks_;
  std::stop_source stop_;  // of all tasks given since the last cancel()
  std::jthread thread_;    // last: it uses all of the above
};

}  // namespace weft::worker
