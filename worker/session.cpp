// The link and the run: connecting, greeting, loading, ending. What Work asks for is in session_work.cpp.
#include "worker/session.h"

#include <algorithm>
#include <cstdio>

namespace weft::worker {
namespace {

std::string seconds(Milliseconds time) {
  char text[32];
  std::snprintf(text, sizeof text, "%.1f s", static_cast<double>(time.count()) / 1000);
  return text;
}

bool same_run(const wire::Welcome& a, const wire::Welcome& b) {
  return a.run == b.run && a.run_id == b.run_id && a.settings == b.settings && a.base_digest == b.base_digest;
}

}  // namespace

Session::Session(SessionOptions options, RngStream jitter) : options_(std::move(options)), jitter_(jitter) {}

std::vector<SessionAction> Session::start(TimePoint now) {
  now_ = now;
  say("connecting to " + options_.coordinator);
  act(Connect{});
  stage_ = Stage::connecting;
  return std::exchange(actions_, {});
}

std::vector<SessionAction> Session::on(SessionEvent event, TimePoint now) {
  if (stage_ == Stage::finished) return {};
  now_ = now;
  std::visit([this](auto& each) { handle(std::move(each)); }, event);
  return std::exchange(actions_, {});
}

TimePoint Session::wake_at() const {
  if (stage_ == Stage::lost) return retry_at_;
  return stage_ == Stage::connecting || stage_ == Stage::finished ? TimePoint::max() : last_sent_ + kPingAfter;
}

void Session::send(wire::Message message) {
  last_sent_ = now_;
  act(Send{std::move(message)});
}

void Session::send_all(Result<std::vector<wire::Message>> messages) {
  if (!messages) return break_off("the coordinator broke the protocol: " + messages.error().message);
  for (wire::Message& message : messages.value()) send(std::move(message));
}

void Session::finish(Outcome outcome, std::string reason, std::uint32_t version) {
  cancel();
  act(Finish{{.outcome = outcome, .reason = std::move(reason), .version = version}});
  stage_ = Stage::finished;
}

void Session::decline(Outcome outcome, const std::string& reason, const std::string& told) {
  if (stage_ == Stage::welcomed || stage_ == Stage::ready) send(wire::Decline{told});
  finish(outcome, reason);
}

void Session::decline(const Refusal& refusal) {
  decline(Outcome::misconfigured, "this site's policy refuses the run: " + refusal.reason, refusal.told);
}

void Session::lose(const std::string& reason) {
  stage_ = Stage::lost;
  outbox_.link_lost();
  fetching_ = false;
  Milliseconds wait = kFirstRetry;
  for (std::uint32_t i = 0; i < failures_ && wait < kLastRetry; ++i) wait *= 2;
  wait = std::min(wait, kLastRetry);
  wait -= Milliseconds(jitter_.below(static_cast<std::uint64_t>(wait.count()) / 4 + 1));
  ++failures_;
  retry_at_ = now_ + wait;
  const bool trains = task_ && task_->kind == Task::Kind::train;
  warn(reason + "; trying again in " + seconds(wait) + (trains ? ", training goes on" : ""));
}

void Session::break_off(const std::string& reason) {
  act(Disconnect{});
  lose(reason);
}

void Session::handle(const net::Up& event) {
  coordinator_ = event.peer;
  certificate_ = event.certificate;
  stage_ = Stage::greeting;
  say("connected to " + options_.coordinator);
  send(wire::Hello{.weft_version = options_.weft_version});
}

void Session::handle(const net::Down& event) {
  if (stage_ == Stage::lost) return;
  if (event.permanent) return finish(Outcome::misconfigured, event.reason);
  lose(event.reason);
}

void Session::handle(const Garbled& event) {
  if (stage_ != Stage::lost) break_off("the coordinator broke the protocol: " + event.reason);
}

void Session::handle(const wire::Message& event) {
  if (stage_ == Stage::lost || stage_ == Stage::connecting) return;
  if (unexpected(event))
    return break_off(std::string("the coordinator broke the protocol: ") + wire::name_of(event) +
                     " was not expected now");
  std::visit(
      [this](const auto& message) {
        if constexpr (requires { receive(message); }) receive(message);
      },
      event);
}

bool Session::unexpected(const wire::Message& message) const {
  const auto is = [&]<class... Kinds>(const std::variant<Kinds...>* /*kinds*/) {
    return (std::holds_alternative<Kinds>(message) || ...);
  };
  using AnyTime = std::variant<wire::Ping, wire::Refused, wire::Finished>;
  using InRun = std::variant<wire::Work, wire::Chunk, wire::Resume, wire::Ack, wire::Settled>;
  if (is(static_cast<AnyTime*>(nullptr))) return false;
  if (stage_ == Stage::greeting) return !std::holds_alternative<wire::Welcome>(message);
  if (stage_ == Stage::ready) return !is(static_cast<InRun*>(nullptr));
  if (std::holds_alternative<wire::BaseFiles>(message)) return !base_ || !base_->wants_list();
  return !std::holds_alternative<wire::Settled>(message) && !(base_ && std::holds_alternative<wire::Chunk>(message));
}

void Session::handle(const Tick& /*event*/) {
  if (now_ < wake_at()) return;
  if (stage_ != Stage::lost) return send(wire::Ping{});
  act(Connect{});
  stage_ = Stage::connecting;
}

void Session::handle(const StopAsked& /*event*/) { finish(Outcome::stopped, "stopped; finished updates are kept"); }

void Session::receive(const wire::Welcome& welcome) {
  failures_ = 0;
  stage_ = Stage::welcomed;
  if (!run_ || !same_run(*run_, welcome) || asker_.coordinator != coordinator_)
    begin_run(welcome);
  else if (facts_)
    say_ready();
  else if (base_)
    ask_for_base();
}

void Session::receive(const wire::Refused& refused) {
  const std::string reason = "the coordinator refuses this site: " + refused.reason;
  if (refused.permanent) return finish(Outcome::misconfigured, reason);
  // A Welcome came between: two workers with one certificate would replace each other twice a second.
  failures_ = std::max(failures_, refusals_++);
  break_off(reason);
}

void Session::receive(const wire::Finished& finished) {
  for (const std::uint32_t round : outbox_.rounds())
    if (!disputed_.contains(round)) act(Forget{run_->run_id, round});
  if (run_) act(EndRun{run_->run_id});
  finish(Outcome::finished, finished.reason, finished.version);
}

void Session::begin_run(const wire::Welcome& welcome) {
  cancel();
  run_ = welcome;
  asker_ = {.coordinator = coordinator_, .run = welcome.run};
  facts_.reset();
  base_.reset();
  outbox_ = {};
  disputed_.clear();
  work_.reset();
  leave_adapter();
  if (const auto no = options_.policy.refusal(welcome)) return decline(*no);
  act(ReadSpool{run_->run_id, asker_});
}

void Session::load() {
  say("run \"" + run_->run + "\" (" + run_->run_id + "): loading model and data");
  report("loading", 0, 0, 0);
  const TaskId task = begin({.kind = Task::Kind::load});
  act(Load{task, run_->settings});
}

void Session::handle(TrainerLoaded event) {
  if (!is_current(event.task)) return;
  task_.reset();
  if (const auto no = options_.policy.refusal(event.facts)) return decline(*no);
  if (event.facts.base_digest != run_->base_digest) {
    const std::string reason = "base model digest: got " + event.facts.base_digest + ", the coordinator has " +
                               run_->base_digest + "; give this site the run's base model";
    return decline(Outcome::misconfigured, reason, reason);
  }
  facts_ = std::move(event.facts);
  for (auto& [split, examples] : facts_->examples)
    if (split != "train" && !options_.policy.may_score(split, examples)) examples = 0;
  if (stage_ == Stage::welcomed) say_ready();
}

// Before the model is loaded: what became of the last update may be told at once.
void Session::handle(SpoolRead event) {
  counts_ = event.counts;
  for (FinishedUpdate& update : event.updates) outbox_.add(std::move(update));
  if (!options_.fetch_into.empty()) return act(LookForBase{});
  load();
}

void Session::say_ready() {
  stage_ = Stage::ready;
  send(wire::Ready{.base_digest = facts_->base_digest,
                   .manifest_digest = facts_->manifest->digest(),
                   .examples = facts_->examples,
                   .training = task_ && task_->kind == Task::Kind::train ? task_->round : 0});
  say("ready for run \"" + run_->run + "\"; waiting for work from " + options_.coordinator);
  send_all(outbox_.offer_all_but_newest());
}

}  // namespace weft::worker
