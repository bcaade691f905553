// Handing the base model out, from the files as they lie: a site that has none fetches it before it is ready.
#include <algorithm>

#include "common/base/log.h"
#include "coordinator/state.h"

namespace weft::coordinator {

Status Coordinator::State::on(Session& session, const wire::FetchBase& /*fetch*/) {
  if (options.base_files.empty()) {
    refuse_site(session, {fl::RefusalKind::base_model,
                          "base model: it is not handed out here; give the site the run's base model, " +
                              options.base_digest + " (model.path)"});
    return Ok{};
  }
  Budget& budget = budget_of(session.site);
  budget.base_was_listed(options.base_files.size(), clock.now());
  if (!budget.spend(Budget::kFetch - 1, clock.now())) {
    end_session(session, flood());
    return Ok{};
  }
  sessions.send(session, wire::BaseFiles{options.base_files});
  return Ok{};
}

Status Coordinator::State::on(Session& session, const wire::FetchFile& fetch) {
  const auto file = std::find_if(options.base_files.begin(), options.base_files.end(),
                                 [&](const BaseFile& each) { return each.digest == fetch.digest; });
  if (file == options.base_files.end())
    return Error{"FetchFile of " + fetch.digest + ", which is no file of the base model"};
  if (fetch.offset >= file->bytes)
    return Error{"FetchFile from offset " + std::to_string(fetch.offset) + " of " + std::to_string(file->bytes)};
  if (!budget_of(session.site).spend(Budget::kFetch - 1, clock.now())) {
    end_session(session, flood());
    return Ok{};
  }
  Result<std::unique_ptr<RandomReader>> opened = options.disk->open(options.base_folder / file->name);
  if (!opened || opened.value()->size() != file->bytes) {
    const std::string why = opened ? "it has another size than when the run began" : opened.error().message;
    log::error("the base model's file " + file->name + " cannot be handed out: " + why + "; put it back");
    sessions.send(session, wire::Refused{.reason = "the base model's file " + file->name +
                                                   " cannot be read at the coordinator now; its log says why",
                                         .permanent = false});
    const Session last = session;
    sessions.disconnect(last.id);
    gone(last, "the base model cannot be handed out");
    return Ok{};
  }
  send_base(base_downloads.fetch(session.site, wire::Payload(std::move(opened).value(), 0), file->digest, fetch.offset,
                                 clock.now()));
  return Ok{};
}

Status Coordinator::State::acknowledge_base(Session& session, const wire::Ack& ack) {
  const Result<std::vector<Outgoing>> out = base_downloads.ack(session.site, ack, clock.now());
  if (!out) return out.error();
  if (!out.value().empty()) budget_of(session.site).moved_base_on();
  send_base(out.value());
  return Ok{};
}

void Coordinator::State::send_base(const std::vector<Outgoing>& messages) {
  for (const Outgoing& each : messages)
    if (Session* session = sessions.of(each.site); session != nullptr && session->stage == Session::Stage::welcomed)
      sessions.send(*session, each.message);
}

}  // namespace weft::coordinator
