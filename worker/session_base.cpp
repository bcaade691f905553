// The base model from the coordinator, for a site that has none.
#include "worker/session.h"

namespace weft::worker {
namespace {

std::string amount(std::uint64_t done, std::uint64_t total) { return human_bytes(done) + " of " + human_bytes(total); }

}  // namespace

void Session::handle(const BaseLooked& event) {
  if (event.there) return load();
  base_.emplace(run_->base_digest);
  say("there is no base model in " + options_.fetch_into + ": the coordinator has run \"" + run_->run + "\"'s, " +
      run_->base_digest);
  ask_for_base();
}

void Session::ask_for_base() {
  if (stage_ != Stage::welcomed) return;
  if (std::optional<wire::Message> question = base_->ask()) send(std::move(*question));
}

void Session::receive(const wire::BaseFiles& files) {
  if (const Status fits = base_->on(files); !fits)
    return decline(Outcome::failed, fits.error().message, "the list of the base model's files is of another model");
  const TaskId task = begin({.kind = Task::Kind::open});
  act(OpenBase{task, base_->list()});
}

void Session::handle(BaseOpened event) {
  if (!is_current(event.task)) return;
  task_.reset();
  if (!event.warning.empty()) warn(std::move(event.warning));
  base_->opened(event.held);
  say("fetching the base model: " + std::to_string(base_->list().size()) + " files, " +
      amount(base_->done(), base_->total()) + " are here");
  go_on_with_base();
}

void Session::receive_base(const wire::Chunk& chunk) {
  Result<std::optional<BaseFetch::Piece>> piece = base_->on(chunk);
  if (!piece) return break_off("fetching the base model: " + piece.error().message);
  if (!piece.value()) return;
  const BaseFetch::Piece& kept = *piece.value();
  if (!kept.bytes.empty()) act(KeepPiece{kept.name, {kept.bytes.begin(), kept.bytes.end()}});
  send(kept.ack);
  report("fetching", base_->done(), base_->total(), 0);
  if (const auto share = base_->news())
    say("fetching the base model: " + std::to_string(*share) + " %, " + amount(base_->done(), base_->total()));
  if (kept.completes) go_on_with_base();
}

void Session::go_on_with_base() {
  if (!base_->whole()) return ask_for_base();
  const TaskId task = begin({.kind = Task::Kind::install});
  act(InstallBase{task, base_->list()});
}

void Session::handle(const BaseChecked& event) {
  if (!is_current(event.task)) return;
  task_.reset();
  if (event.wrong.empty()) {
    say("the base model is verified, and in " + options_.fetch_into);
    base_.reset();
    return load();
  }
  for (const std::string& name : event.wrong)
    warn("the base model's file " + name + " is not what its digest says; it is fetched again");
  if (const Status again = base_->wrong(event.wrong); !again)
    return decline(Outcome::failed, again.error().message, "it cannot take the base model; its own log says why");
  go_on_with_base();
}

}  // namespace weft::worker
