// Performing tasks; whatever a trainer throws becomes an event.
#include "worker/training_thread.h"

#include "common/base/digest.h"
#include "common/wire/transfer.h"

namespace weft::worker {

TrainingThread::TrainingThread(MakeTrainer make_trainer, SiteId site, Post post)
    : make_trainer_(std::move(make_trainer)),
      site_(std::move(site)),
      post_(std::move(post)),
      thread_([this](const std::stop_token& ended) { run(ended); }) {}

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

void TrainingThread::run(const std::stop_token& ended) {
  for (;;) {
    Task task;
    std::stop_token stop;
    {
      std::unique_lock lock(mutex_);
      if (!changed_.wait(lock, ended, [this] { return !tasks_.empty(); })) break;
      task = std::move(tasks_.front());
      tasks_.pop_front();
      stop = stop_.get_token();
    }
    std::visit(
        [&](const auto& each) {
          try {
            perform(each, stop);
          } catch (const fl::Cancelled&) {
            if (!stop.stop_requested()) post_(TaskFailed{each.task, false, "the trainer stopped though nobody asked"});
          } catch (const ConfigError& error) {
            post_(TaskFailed{each.task, true, error.what()});
          } catch (const std::exception& error) {
            post_(TaskFailed{each.task, false, error.what()});
          }
        },
        task);
  }
  trainer_.reset();  // on this thread
}

fl::ProgressFn TrainingThread::progress_of(TaskId task) const {
  return [this, task](const fl::TrainProgress& progress) { post_(TaskProgress{task, progress}); };
}

void TrainingThread::perform(const Load& task, const std::stop_token& /*stop*/) {
  trainer_.reset();  // before the next takes memory
  const YamlView settings = YamlView::parse(task.settings, "settings from the coordinator");
  trainer_ = make_trainer_(settings);
  post_(TrainerLoaded{task.task, trainer_->facts()});
}

void TrainingThread::perform(const Score& task, const std::stop_token& stop) {
  post_(Scored{task.task, trainer_->evaluate(*task.adapter, task.split, progress_of(task.task), stop)});
}

void TrainingThread::perform(const Train& task, const std::stop_token& stop) {
  fl::TrainResult result = trainer_->train({.site = site_.name, .round = task.round, .start = task.start.get()},
                                           progress_of(task.task), stop);
  auto payload = std::make_shared<const Bytes>(wire::payload_of(result.update));
  std::string digest = sha256_hex(*payload);
  post_(Trained{task.task,
                {.run_id = task.run_id,
                 .round = task.round,
                 .version = task.version,
                 .adapter_digest = task.adapter_digest,
                 .digest = std::move(digest),
                 .examples = result.examples,
                 .values = std::move(result.values),
                 .payload = std::move(payload)}});
}

}  // namespace weft::worker
