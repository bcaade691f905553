#include "worker/training_thread.h"

namespace weft::worker {

TrainingThread::TrainingThread(TaskPerformer performer, Mailbox& mailbox)
    : mailbox_(mailbox), thread_([this, performer = std::move(performer)](const std::stop_token& ended) mutable {
        run(ended, std::move(performer));
      }) {}

TrainingThread::~TrainingThread() {
  cancel();
  thread_.request_stop();
  thread_.join();
}

void TrainingThread::start(Task task) {
  const std::lock_guard lock(mutex_);
  tasks_.push_back(std::move(task));
  changed_.notify_one();
}

void TrainingThread::cancel() {
  const std::lock_guard lock(mutex_);
  tasks_.clear();
  stop_.request_stop();
  stop_ = std::stop_source();
}

// The performer, and with it the trainer, is used and destroyed on this thread.
void TrainingThread::run(const std::stop_token& ended, TaskPerformer performer) {
  for (;;) {
    std::unique_lock lock(mutex_);
    if (!changed_.wait(lock, ended, [this] { return !tasks_.empty(); })) return;
    const Task task = std::move(tasks_.front());
    tasks_.pop_front();
    const std::stop_token stop = stop_.get_token();
    lock.unlock();
    const auto progress = [&](const fl::TrainProgress& seen) { mailbox_.put(TaskProgress{id_of(task), seen}); };
    if (std::optional<SessionEvent> event = performer.perform(task, progress, stop)) mailbox_.put(std::move(*event));
  }
}

}  // namespace weft::worker
