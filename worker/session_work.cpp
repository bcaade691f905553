// What Work asks for: fetching the adapter, scoring, training, and bringing updates home.
#include <algorithm>
#include <cmath>

#include "common/crypto/signature.h"
#include "worker/session.h"

namespace weft::worker {
namespace {

// A number that is not finite has no place in a message; the update itself tells the coordinator of a divergence.
std::map<std::string, double> finite(std::map<std::string, double> values) {
  std::erase_if(values, [](const auto& entry) { return !std::isfinite(entry.second); });
  return values;
}

metrics::Tally finite(metrics::Tally tally) {
  std::erase_if(tally.parts, [](const auto& entry) {
    return !std::all_of(entry.second.begin(), entry.second.end(), [](double number) { return std::isfinite(number); });
  });
  return tally;
}

bool contains(const std::vector<std::string>& names, const std::string& name) {
  return std::find(names.begin(), names.end(), name) != names.end();
}

std::string round_text(std::uint32_t round) { return "round " + std::to_string(round); }

}  // namespace

void Session::receive(const wire::Work& work) {
  const std::uint64_t expected = facts_->manifest->total() * sizeof(float);
  if (work.adapter_bytes != expected)
    return break_off("the coordinator broke the protocol: an adapter of " + std::to_string(work.adapter_bytes) +
                     " bytes, expected " + std::to_string(expected));
  if (work.train && work.round > options_.policy.max_rounds)
    return decline(*options_.policy.training_refusal(work.round, counts_));
  if (const auto no = options_.policy.steps_refusal(work.local_steps)) return decline(*no);
  if (!work.train && work.evaluate.empty()) return offer_what_is_there(work);
  const bool same_adapter = work_ && work_->adapter_digest == work.adapter_digest;
  const bool wanted = task_ && same_adapter && [&] {
    if (task_->kind == Task::Kind::train) return work.train && work.round == task_->round;
    return contains(work.evaluate, task_->split);
  }();
  if (!wanted) cancel();
  if (!same_adapter) leave_adapter();
  work_ = work;
  reported_.clear();
  if (work.train && outbox_.drop_other(work.round, work.adapter_digest)) act(Forget{run_->run_id, work.round});
  training_due_ = work.train && !outbox_.holds(work.round, work.adapter_digest);
  send_all(outbox_.offer_all());
  report_scores();
  go_on();
}

// Nothing is asked: a training that is under way goes on, for its update may still count.
void Session::offer_what_is_there(const wire::Work& work) {
  const std::uint32_t open = work.version + 1;
  if (outbox_.drop_other(open, work.adapter_digest)) act(Forget{run_->run_id, open});
  send_all(outbox_.offer_all());
}

void Session::leave_adapter() {
  adapter_.reset();
  receiver_.reset();
  fetching_ = false;
  scores_.clear();
}

TaskId Session::begin(Task task) {
  task.id = ++last_task_;
  task_ = std::move(task);
  return last_task_;
}

void Session::cancel() {
  if (!task_) return;
  act(Cancel{});
  task_.reset();
}

void Session::go_on() {
  if (!work_ || task_) return;
  for (const std::string& split : work_->evaluate) {
    if (scores_.contains(split)) continue;
    const auto examples = facts_->examples.find(split);
    if (examples == facts_->examples.end() || !options_.policy.may_score(split, examples->second)) {
      scores_[split] = {};  // nothing to score it on, or the policy is against it
      report_scores();
      continue;
    }
    if (!have_adapter()) return;
    if (!count(&RunCounts::scorings, options_.policy.scoring_refusal(counts_))) return;
    const TaskId task = begin({.kind = Task::Kind::score, .split = split});
    return act(Score{task, adapter_, split});
  }
  if (!training_due_ || !have_adapter()) return;
  if (!count(&RunCounts::trainings, options_.policy.training_refusal(work_->round, counts_))) return;
  const TaskId task = begin({.kind = Task::Kind::train, .round = work_->round});
  act(Train{task, run_->run_id, work_->round, work_->version, work_->adapter_digest, adapter_, work_->local_steps});
}

bool Session::count(std::int64_t RunCounts::*what, const std::optional<Refusal>& refusal) {
  if (refusal) {
    decline(*refusal);
    return false;
  }
  ++(counts_.*what);
  act(Count{asker_, counts_});
  return true;
}

bool Session::have_adapter() {
  if (adapter_) return true;
  if (stage_ != Stage::ready || fetching_) return false;
  if (!receiver_) receiver_.emplace(work_->adapter_digest, work_->adapter_bytes);
  fetching_ = true;
  send(wire::Fetch{.version = work_->version, .offset = receiver_->offset()});
  return false;
}

void Session::receive(const wire::Chunk& chunk) {
  if (stage_ == Stage::welcomed) return receive_base(chunk);
  if (!fetching_ || chunk.digest != receiver_->digest()) return;  // of an adapter that is not wanted any more
  const Result<wire::Ack> ack = receiver_->on(chunk);
  if (!ack) return break_off("fetching the adapter: " + ack.error().message);
  send(ack.value());
  if (!receiver_->complete()) return;
  adapter_ = std::make_shared<const StateDict>(
      wire::state_from_payload(receiver_->take(), facts_->manifest).value());  // the size was checked with Work
  receiver_.reset();
  fetching_ = false;
  go_on();
}

void Session::handle(const Scored& event) {
  if (!is_current(event.task)) return;
  scores_[task_->split] = {event.evaluation.examples, finite(event.evaluation.tally)};
  task_.reset();
  report_scores();
  go_on();
}

void Session::report_scores() {
  if (stage_ != Stage::ready || !work_) return;
  for (const std::string& split : work_->evaluate) {
    const auto score = scores_.find(split);
    if (score == scores_.end() || !reported_.insert(split).second) continue;
    send(wire::Metrics{
        .version = work_->version, .split = split, .examples = score->second.examples, .tally = score->second.tally});
  }
}

void Session::handle(Trained event) {
  if (!is_current(event.task)) return;
  task_.reset();
  training_due_ = false;
  event.update.values = finite(std::move(event.update.values));
  act(Keep{std::move(event.update)});
  go_on();
}

void Session::handle(Kept event) {
  say(round_text(event.update.round) + ": trained on " + std::to_string(event.update.examples) + " examples");
  outbox_.add(std::move(event.update));
  if (stage_ == Stage::ready) send_all(outbox_.offer_all());
}

void Session::handle(const DiskFailed& event) { finish(Outcome::failed, event.reason); }

void Session::handle(const TaskFailed& event) {
  if (!is_current(event.task)) return;
  const Outcome outcome = event.misconfigured ? Outcome::misconfigured : Outcome::failed;
  const Task::Kind kind = task_->kind;
  if (kind == Task::Kind::score || kind == Task::Kind::train) return finish(outcome, event.reason);
  // The reason may show a line of the site's data.
  const std::string what = kind == Task::Kind::load ? "load its model or data" : "take the base model";
  decline(outcome, event.reason, "it cannot " + what + "; its own log says why");
}

void Session::handle(const TaskProgress& event) {
  if (!is_current(event.task)) return;
  const auto& progress = event.progress;
  const char* stage = task_->kind == Task::Kind::train     ? "training"
                      : task_->kind == Task::Kind::install ? "verifying"
                                                           : "evaluating";
  report(stage, progress.done, progress.total, progress.tokens_per_second);
}

void Session::report(const std::string& stage, std::uint64_t done, std::uint64_t total, double rate) {
  if (stage_ != Stage::welcomed && stage_ != Stage::ready) return;
  if (last_progress_ && now_ - *last_progress_ < kProgressEvery) return;
  last_progress_ = now_;
  send(wire::Progress{.round = work_ ? work_->round : 0,
                      .stage = stage,
                      .done = done,
                      .total = total,
                      .tokens_per_second = std::isfinite(rate) ? rate : 0});
}

void Session::receive(const wire::Resume& resume) { send_all(outbox_.on(resume)); }

void Session::receive(const wire::Ack& ack) {
  send_all(outbox_.on(ack));
  if (stage_ != Stage::ready) return;
  if (const FinishedUpdate* update = outbox_.find(ack.digest))
    report("uploading", ack.offset, update->payload->size(), 0);
}

void Session::receive(const wire::Settled& settled) {
  const FinishedUpdate* update = outbox_.find(settled.round, settled.digest);
  if (update == nullptr) return;
  if (settled.verdict == "committed") return committed(settled, *update);
  forget(settled.round);
  warn(round_text(settled.round) + ": the update was " + (settled.verdict == "late" ? "late" : "refused") +
       (settled.reason.empty() ? "" : ": " + settled.reason));
}

// The receipt is on disk before the update is forgotten.
void Session::committed(const wire::Settled& settled, const FinishedUpdate& update) {
  if (certificate_.empty()) {  // in one process nobody signs
    forget(settled.round);
    return say(round_text(settled.round) + ": the update is in");
  }
  wire::Receipt receipt{.run_id = run_->run_id,
                        .round = settled.round,
                        .site = options_.site.name,
                        .digest = update.digest,
                        .examples = update.examples,
                        .record = settled.record,
                        .signature = settled.signature,
                        .certificate = certificate_};
  const Status good = crypto::verify_signature(certificate_, as_bytes(wire::receipt_statement(receipt)),
                                               wire::bytes_of_hex(settled.signature));
  if (good) return act(KeepReceipt{std::move(receipt)});
  disputed_.insert(settled.round);
  warn(round_text(settled.round) +
       ": the coordinator says that the update is in, but its receipt does not hold: " + good.error().message +
       "; the update is kept, and offered again in the next session. Ask whoever runs the " + "coordinator");
}

void Session::handle(const ReceiptKept& event) {
  forget(event.round);
  say(round_text(event.round) + ": the update is in, and so is its receipt");
}

void Session::forget(std::uint32_t round) {
  outbox_.drop(round);
  disputed_.erase(round);
  act(Forget{run_->run_id, round});
}

}  // namespace weft::worker
