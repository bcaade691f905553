// The mailbox, and performing tasks.
#include "worker/task_runner.h"

#include "common/base/digest.h"
#include "common/wire/transfer.h"

namespace weft::worker {

void Mailbox::put(SessionEvent event) {
  {
    const std::lock_guard lock(mutex_);
    if (std::holds_alternative<TaskProgress>(event) && !events_.empty() &&
        std::holds_alternative<TaskProgress>(events_.back()))
      events_.back() = std::move(event);
    else
      events_.push_back(std::move(event));
  }
  wake_();
}

std::optional<SessionEvent> Mailbox::take() {
  const std::lock_guard lock(mutex_);
  if (events_.empty()) return std::nullopt;
  SessionEvent event = std::move(events_.front());
  events_.pop_front();
  return event;
}

std::optional<SessionEvent> TaskPerformer::perform(const Task& task, const fl::ProgressFn& progress,
                                                   const std::stop_token& stop) {
  const TaskId id = id_of(task);
  try {
    return std::visit([&](const auto& each) { return run(each, progress, stop); }, task);
  } catch (const fl::Cancelled&) {
    if (stop.stop_requested()) return std::nullopt;
    return TaskFailed{id, false, "the trainer stopped though nobody asked"};
  } catch (const ConfigError& error) {
    return TaskFailed{id, true, error.what()};
  } catch (const std::exception& error) {
    return TaskFailed{id, false, error.what()};
  }
}

SessionEvent TaskPerformer::run(const OpenBase& task, const fl::ProgressFn& /*progress*/,
                                const std::stop_token& /*stop*/) {
  BaseOpened opened{.task = task.task};
  opened.held = base_->open(task.list, opened.warning);
  return opened;
}

SessionEvent TaskPerformer::run(const InstallBase& task, const fl::ProgressFn& progress, const std::stop_token& stop) {
  BaseChecked checked{.task = task.task, .wrong = base_->check(task.list, progress, stop)};
  if (checked.wrong.empty()) base_->publish();
  return checked;
}

SessionEvent TaskPerformer::run(const Load& task, const fl::ProgressFn& /*progress*/, const std::stop_token& /*stop*/) {
  trainer_.reset();  // before the next takes memory
  const YamlView settings = YamlView::parse(task.settings, "settings from the coordinator");
  trainer_ = make_trainer_(settings);
  return TrainerLoaded{task.task, trainer_->facts()};
}

SessionEvent TaskPerformer::run(const Score& task, const fl::ProgressFn& progress, const std::stop_token& stop) {
  return Scored{task.task, trainer_->evaluate(*task.adapter, task.split, progress, stop)};
}

SessionEvent TaskPerformer::run(const Train& task, const fl::ProgressFn& progress, const std::stop_token& stop) {
  KeptTraining kept(folder_, {.run_id = task.run_id,
                              .round = task.round,
                              .local_steps = task.local_steps,
                              .adapter_digest = task.adapter_digest});
  fl::TrainResult result = trainer_->train({.site = site_.name,
                                            .round = task.round,
                                            .start = task.start.get(),
                                            .steps = task.local_steps,
                                            .checkpoint = &kept},
                                           progress, stop);
  auto payload = std::make_shared<const Bytes>(wire::payload_of(result.update));
  std::string digest = sha256_hex(*payload);
  return Trained{task.task,
                 {.run_id = task.run_id,
                  .round = task.round,
                  .version = task.version,
                  .adapter_digest = task.adapter_digest,
                  .digest = std::move(digest),
                  .examples = result.examples,
                  .values = std::move(result.values),
                  .payload = std::move(payload)}};
}

}  // namespace weft::worker
