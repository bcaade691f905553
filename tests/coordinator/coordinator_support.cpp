#include "tests/coordinator/coordinator_support.h"

#include <gmock/gmock.h>
#include <unistd.h>

#include <atomic>
#include <cmath>

#include "common/base/digest.h"
#include "common/fl/aggregator.h"
#include "coordinator/ledger_check.h"

namespace weft::coordinator {

TempFolder::TempFolder() {
  static std::atomic<int> count = 0;
  const std::filesystem::path memory = "/dev/shm";  // where syncing costs nothing: some tests run hundreds of runs
  path_ = (std::filesystem::is_directory(memory) ? memory : std::filesystem::path(testing::TempDir())) /
          ("weft_coordinator_" + std::to_string(::getpid()) + "_" + std::to_string(++count));
  std::filesystem::remove_all(path_);
  std::filesystem::create_directories(path_);
}

StateDict small_adapter(std::uint64_t seed, std::int64_t inputs) {
  const std::string query = "base_model.model.encoder.query.";
  StateDict adapter = StateDict::zeros(
      std::make_shared<const Manifest>(Manifest::build({{query + "lora_A.weight", {2, inputs}},
                                                        {query + "lora_B.weight", {3, 2}},
                                                        {"base_model.model.classifier.weight", {2, 3}}})
                                           .value()));
  RngStream random = Rng(seed).stream("adapter");
  for (float& value : adapter.values) value = static_cast<float>(random.normal());
  return adapter;
}

StateDict sim_update(const SiteId& site, std::uint32_t round, const StateDict& start) {
  StateDict update = start;
  RngStream random = Rng(1).stream("update", site.name, round);
  for (float& value : update.values) value = static_cast<float>(0.1 * random.normal()) - 0.05F * value;
  return update;
}

metrics::Tally sim_tally(std::uint64_t examples, double accuracy) {
  const auto count = static_cast<double>(examples);
  const double right = std::round(accuracy * count);
  return {{{"confusion", {right, count - right, 0, 0}}, {"loss", {count, count}}}};
}

SimTrainer::SimTrainer(SiteId site, std::uint64_t examples, std::shared_ptr<const Manifest> manifest,
                       std::string base_digest)
    : site_(std::move(site)),
      facts_{.base_digest = std::move(base_digest),
             .manifest = std::move(manifest),
             .examples = {{"train", examples}, {"validation", 10 * examples}, {"test", examples}}} {}

fl::TrainResult SimTrainer::train(const fl::TrainJob& job, const fl::ProgressFn& progress, std::stop_token /*stop*/) {
  progress({.done = 1, .total = 2});
  return {.update = sim_update(site_, job.round, *job.start),
          .examples = facts_.examples.at("train"),
          .values = {{"loss", 1.0 / job.round}}};
}

fl::Evaluation SimTrainer::evaluate(const StateDict& /*adapter*/, const std::string& split,
                                    const fl::ProgressFn& /*progress*/, std::stop_token /*stop*/) {
  const std::uint64_t examples = facts_.examples.at(split);
  return {.examples = examples, .tally = sim_tally(examples, 0.5 + 0.01 * ++scored_)};
}

SimSite::SimSite(SiteId site, std::uint64_t train_examples, std::shared_ptr<const Manifest> manifest)
    : manifest_digest(manifest->digest()),
      site_(std::move(site)),
      examples_(train_examples),
      manifest_(std::move(manifest)) {}

void SimSite::up() {
  came_back_ = true;
  connected = true;
  say(wire::Hello{.weft_version = "sim"});
}

void SimSite::down() {
  connected = false;
  outbox.clear();
  work_.reset();
  receiver_.reset();
  sender_.reset();
  adapter_.reset();
  adapter_digest_.clear();
  offered_.clear();
}

void SimSite::say(const wire::Message& message) {
  wire::Message said = message;
  if (tamper) tamper(said);
  outbox.push_back(wire::encode(said));
}

void SimSite::receive(const wire::Message& message) {
  if (const auto* welcome = std::get_if<wire::Welcome>(&message)) {
    run_id_ = welcome->run_id;
    say(wire::Ready{
        base_digest, manifest_digest, {{"train", examples_}, {"validation", 10 * examples_}, {"test", examples_}}});
  }
  if (const auto* refusal = std::get_if<wire::Refused>(&message)) {
    refused = refusal->reason;
    wants_session = !refusal->permanent;
  }
  if (const auto* work = std::get_if<wire::Work>(&message)) {
    work_ = *work;
    begin_work();
  }
  if (const auto* chunk = std::get_if<wire::Chunk>(&message)) {
    if (!receiver_ || receiver_->digest() != chunk->digest) return;
    say(receiver_->on(*chunk).value());
    if (!receiver_->complete()) return;
    adapter_digest_ = receiver_->digest();
    adapter_ = wire::state_from_payload(receiver_->take(), manifest_).value();
    receiver_.reset();
    do_work();
  }
  if (const auto* resume = std::get_if<wire::Resume>(&message)) {
    for (const auto& [round, update] : spool_)
      if (update.offer.digest == resume->digest) sender_.emplace(update.payload, resume->digest, resume->offset);
    pump();
  }
  if (const auto* ack = std::get_if<wire::Ack>(&message)) {
    if (sender_) {
      EXPECT_TRUE(sender_->on(*ack));
    }
    pump();
  }
  if (const auto* settled = std::get_if<wire::Settled>(&message)) {
    const std::string verdict = std::to_string(settled->round) + " " + settled->verdict;
    if (settled->verdict == "committed" && !verdicts.empty() && verdicts.back() == verdict) return;  // again
    verdicts.push_back(verdict);
    if (settled->verdict == "committed")
      receipts.push_back({.run_id = run_id_,
                          .round = settled->round,
                          .site = site_.name,
                          .digest = settled->digest,
                          .examples = examples_,
                          .record = settled->record,
                          .signature = settled->signature});
    std::erase_if(spool_, [&](const auto& entry) { return entry.second.offer.digest == settled->digest; });
  }
  if (const auto* end = std::get_if<wire::Finished>(&message)) {
    finished = *end;
    wants_session = false;
  }
  if (std::holds_alternative<wire::Ping>(message)) ++pings;
}

void SimSite::begin_work() {
  if (adapter_digest_ == work_->adapter_digest) return do_work();
  if (!work_->train && work_->evaluate.empty()) return offer_all();
  if (receiver_ && receiver_->digest() == work_->adapter_digest) return;  // it is on its way
  receiver_.emplace(work_->adapter_digest, work_->adapter_bytes);
  say(wire::Fetch{work_->version, receiver_->offset()});
}

void SimSite::do_work() {
  for (const std::string& split : work_->evaluate) {
    const std::uint64_t examples = split == "validation" ? 10 * examples_ : examples_;
    say(wire::Metrics{.version = work_->version,
                      .split = split,
                      .examples = examples,
                      .tally = sim_tally(examples, 0.5 + accuracy_step * work_->version)});
  }
  if (!work_->train || !trains) return;
  const std::uint32_t round = work_->round;
  if (std::exchange(came_back_, false))
    for (const auto& [older, update] : spool_)
      if (older < round) say(update.offer);
  if (!spool_.contains(round)) {
    ++trained;
    StateDict update = sim_update(site_, round, *adapter_);
    if (spoil) update = spoil(std::move(update));
    auto payload = std::make_shared<const Bytes>(wire::payload_of(update));
    const double steps = work_->local_steps > 0 ? work_->local_steps : 20;
    wire::Offer offer{
        .round = round,
        .version = work_->version,
        .digest = sha256_hex(*payload),
        .bytes = payload->size(),
        .examples = examples_,
        .values = {
            {"loss", 1.0 / round}, {"peak_rss_bytes", 1e6}, {"steps", steps}, {"seconds", steps / steps_per_second}}};
    spool_.emplace(round, Finished{std::move(offer), std::move(payload)});
  }
  offered_.erase(round);
  if (!slow) offer_all();
}

void SimSite::offer_all() {
  for (const auto& [round, update] : spool_)
    if (offered_.insert(round).second) say(update.offer);
}

void SimSite::be_quick() {
  slow = false;
  if (connected) offer_all();
}

void SimSite::pump() {
  while (sender_) {
    const std::optional<wire::Chunk> chunk = sender_->next();
    if (!chunk) return;
    say(*chunk);
  }
}

void SimTransport::lose_sessions() {
  for (End& end : ends_) {
    // What the dead coordinator had sent may still arrive: all, or some, or nothing.
    const std::size_t arrive = random_.below(2) == 0 ? end.inbox.size() : random_.below(end.inbox.size() + 1);
    for (std::size_t i = 0; i < arrive; ++i) end.site->receive(wire::decode(end.inbox[i]).value());
    if (end.session.value != 0) end.site->down();
    end.session = {};
    end.inbox.clear();
  }
  pending_.clear();
  left_ = -1;
}

void SimTransport::lose(SimSite& site) {
  for (End& end : ends_) {
    if (end.site != &site || end.session.value == 0) continue;
    pending_.push_back(net::Disconnected{end.session, "connection lost"});
    end.session = {};
    end.inbox.clear();
    site.down();
  }
}

bool SimTransport::can_act(const End& end) const {
  if (end.session.value == 0) return end.site->wants_session;
  return !end.inbox.empty() || !end.site->outbox.empty() || !end.site->wants_session;
}

// One thing that a site does; an event when the coordinator notices it.
std::optional<net::ServerEvent> SimTransport::act(End& end) {
  if (end.session.value == 0) {
    end.session = {++last_session_};
    end.site->up();
    return net::Connected{end.session, end.site->name()};
  }
  if (!end.site->outbox.empty()) {
    net::Received received{end.session, std::move(end.site->outbox.front())};
    end.site->outbox.pop_front();
    traffic_.received += received.message.size();
    return received;
  }
  if (end.inbox.empty()) {
    lose(*end.site);
    return std::nullopt;
  }
  const Bytes message = std::move(end.inbox.front());
  end.inbox.pop_front();
  end.site->receive(wire::decode(message).value());
  return std::nullopt;
}

std::optional<net::ServerEvent> SimTransport::receive(TimePoint deadline) {
  if (before_event) before_event();
  if (left_ == 0) throw Crash{};
  while (!woken_) {
    if (!pending_.empty()) {
      net::ServerEvent event = std::move(pending_.front());
      pending_.pop_front();
      return event;
    }
    std::vector<End*> able;
    for (End& end : ends_)
      if (can_act(end)) able.push_back(&end);
    if (able.empty()) {
      if (deadline == TimePoint::max()) throw std::logic_error("everybody waits for ever");
      clock_.advance(deadline - clock_.now());
      return std::nullopt;
    }
    const std::optional<net::ServerEvent> event = act(*able[random_.below(able.size())]);
    if (!event) continue;
    ++events_;
    if (left_ > 0) --left_;
    clock_.advance(Milliseconds(1));
    return event;
  }
  woken_ = false;
  return std::nullopt;
}

void SimTransport::send(net::SessionId session, ByteSpan message) {
  for (End& end : ends_) {
    if (end.session != session) continue;
    end.inbox.emplace_back(message.begin(), message.end());
    traffic_.sent += message.size();
  }
}

void SimTransport::disconnect(net::SessionId session) {
  for (End& end : ends_) {
    if (end.session != session) continue;
    for (const Bytes& message : end.inbox) end.site->receive(wire::decode(message).value());
    end.inbox.clear();
    end.site->down();
    end.session = {};
    pending_.push_back(net::Disconnected{session, "ended by the coordinator"});
  }
}

Job::Job(std::uint64_t order, std::int64_t inputs) : initial(small_adapter(7, inputs)), transport(clock, order) {
  clock.advance(Milliseconds(1'700'000'000'000));
  rounds.count = 3;
  aggregation.max_update_norm = 1000;
  std::uint64_t examples = 3;
  for (const char* name : {"editorials", "film", "reviews", "tweets"}) {
    listed.push_back({name});
    sites.push_back(std::make_unique<SimSite>(SiteId{name}, examples, initial.manifest));
    transport.add(*sites.back());
    examples += 17;
  }
}

SimSite& Job::site(const std::string& name) {
  for (auto& site : sites)
    if (site->name().name == name) return *site;
  throw std::logic_error(name);
}

void Job::hand_out(const std::map<std::string, Bytes>& files) {
  std::filesystem::create_directories(model());
  base_files.clear();
  for (const auto& [name, bytes] : files) {
    EXPECT_TRUE(write_atomic(model() / name, bytes));
    base_files.push_back({.name = name, .digest = sha256_hex(bytes), .bytes = bytes.size()});
  }
  for (const auto& site : sites) site->base_digest = base_digest(base_files);
}

CoordinatorOptions Job::options(bool resume) const {
  CoordinatorOptions options;
  options.folder = folder.path() / "run";
  options.resume = resume;
  options.run = "sentiment";
  options.config_digest = "c0ffee";
  options.settings = "task: sim\n";
  options.seed = 42;
  options.sites = listed;
  options.rounds = rounds;
  options.aggregation = aggregation;
  options.base_digest = base_files.empty() ? kBaseDigest : base_digest(base_files);
  options.base_files = base_files;
  options.base_folder = model();
  options.initial = initial;
  options.scheme = metrics::classification_scheme(2);
  options.peft = {.base_model = "base",
                  .adapter = {.target_modules = {.names = {"query"}}, .modules_to_save = {{"classifier"}}, .rank = 2}};
  options.facts = {.labels = {"negative", "positive"}, .max_tokens = 128};
  options.versions = {{"weft", "test"}};
  options.signer = signer;
  options.ca = ca;
  options.at_step = at_step;
  return options;
}

CoordinatorResult Job::run(bool resume, std::stop_token stop) {
  Coordinator coordinator(options(resume), transport, clock, seen);
  return coordinator.run(std::move(stop));
}

// Whatever a crash has left.
void expect_it_verifies(const std::filesystem::path& folder) {
  if (!std::filesystem::exists(folder / "ledger.sqlite")) return;
  const Ledger ledger = Ledger::open_to_read(folder / "ledger.sqlite");
  if (!ledger.run()) return;
  EXPECT_THAT(check_ledger(ledger, {.folder = folder, .receipts = {}, .ca = {}}).faults, testing::IsEmpty());
}

int Job::run_through_crashes(CoordinatorResult& result) {
  for (int crashes = 0;; ++crashes) {
    try {
      result = run(std::filesystem::exists(folder.path() / "run" / "ledger.sqlite"));
      return crashes;
    } catch (const Crash&) {
      transport.lose_sessions();
      expect_it_verifies(folder.path() / "run");
    }
  }
}

std::vector<RefusalRow> refusals_of(const Job& job) {
  return Ledger(job.folder.path() / "run" / "ledger.sqlite").refusals();
}

std::vector<RoundRow> rounds_of(const Ledger& ledger) {
  std::vector<RoundRow> rounds;
  ledger.each_round([&](const RoundRow& row) { rounds.push_back(row); });
  return rounds;
}

std::vector<RoundRow> rounds_of(const Job& job) {
  return rounds_of(Ledger(job.folder.path() / "run" / "ledger.sqlite"));
}

void expect_the_ledger_makes_the_adapters(const Job& job) {
  std::vector<StateDict> versions{job.initial};
  const auto mean = fl::make_aggregator(job.aggregation, {.sites = job.listed.size(),
                                                          .parameters = job.initial.values.size(),
                                                          .local_steps = job.rounds.local_steps,
                                                          .min_steps = fl::least_steps(job.rounds)});
  std::set<std::pair<SiteId, std::uint32_t>> once;
  for (const RoundRow& row : rounds_of(job)) {
    for (const UpdateRow& update : row.updates) {
      const std::uint32_t made_for = row.round - update.staleness;
      EXPECT_TRUE(once.emplace(update.site, made_for).second) << update.site.name << " counts twice";
      const auto steps = update.values.find("steps");
      mean->add(sim_update(update.site, made_for, versions[made_for - 1]).values,
                {.examples = update.examples,
                 .steps = steps == update.values.end() ? 1 : static_cast<std::uint32_t>(steps->second),
                 .staleness = update.staleness});
    }
    StateDict next = versions.back();
    mean->apply_to(next.values);
    mean->clear();
    EXPECT_EQ(next.digest(), row.adapter_digest) << "round " << row.round;
    versions.push_back(std::move(next));
  }
}

}  // namespace weft::coordinator
