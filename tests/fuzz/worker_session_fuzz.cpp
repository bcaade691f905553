// A coordinator that says anything at any time, over a link that breaks at any time: the worker's session never throws,
// counts before it works, says only what can be encoded, and is silent once it has finished.
#include <variant>

#include "common/base/digest.h"
#include "tests/fuzz/base_fuzz_bytes.h"
#include "worker/session.h"

namespace {

using namespace weft;
using namespace weft::worker;

const Bytes kFile(16), kOther(5, 1);
const BaseList kFiles{{"a.json", sha256_hex(kFile), 16}, {"b.json", sha256_hex(kOther), 5}};
const std::string kBase = base_digest(kFiles);
constexpr const char* kSettings =
    "task: {kind: sequence_classification}\nadapter: {method: lora}\nrounds: {count: 9}\ntrain: {local_steps: 1}\n";

std::shared_ptr<const Manifest> manifest() {
  static const auto made = std::make_shared<const Manifest>(Manifest::build({{"head", {4}}}).value());
  return made;
}
const Bytes kAdapter(16);
const std::string kAdapterDigest = sha256_hex(kAdapter);

std::string digest(std::uint8_t choice) { return (choice & 1U) != 0 ? kAdapterDigest : std::string(64, 'd'); }

wire::Message message_of(FuzzBytes& input) {
  const std::uint8_t choice = input.byte(), more = input.byte();
  switch (choice % 10) {
    case 0:
      return wire::Welcome{.run = "r",
                           .run_id = std::string(32, more % 2 == 0 ? 'a' : 'c'),
                           .settings = more % 16 == 15 ? "task: [" : kSettings,
                           .base_digest = more % 8 == 7 ? std::string(64, 'e') : kBase};
    case 1:
      return wire::Refused{.reason = "no", .permanent = more % 8 == 7};
    case 2: {
      wire::Work work{.round = more % 4U,
                      .version = more / 4U % 4U,
                      .adapter_digest = digest(more / 16),
                      .adapter_bytes = more / 32 % 4 == 3 ? std::uint64_t{1} << 60U : 16,
                      .train = (more & 128U) != 0};
      if ((choice & 16U) != 0) work.evaluate = {"validation"};
      if ((choice & 32U) != 0) work.evaluate.emplace_back("train");
      if ((choice & 64U) != 0) work.evaluate.emplace_back("validation");
      return work;
    }
    case 3: {
      wire::Chunk chunk{.digest = digest(choice), .offset = more % 20U, .data = Bytes(1U + more / 20U)};
      if ((choice & 64U) != 0) chunk = {.digest = kAdapterDigest, .data = kAdapter};  // a.json too
      chunk.crc32 = 0xecbb4b55;                                                       // of sixteen zeros
      return chunk;
    }
    case 4:
      return wire::Ack{digest(choice), more};
    case 5:
      return wire::Resume{digest(choice), more};
    case 6:
      return wire::Settled{.round = more % 4U, .digest = digest(choice), .verdict = "late"};
    case 7:
      return wire::Finished{.version = 1, .reason = "done"};
    case 8:
      return wire::Ping{};
    default:
      if (more >= 128) return wire::BaseFiles{more % 8 == 7 ? BaseList{kFiles.front()} : kFiles};
      return wire::Hello{};
  }
}

class Site {
 public:
  // `fetches`: it has no base model.
  explicit Site(bool fetches)
      : session_({.site = {"a"}, .policy = {.max_rounds = 9}, .fetch_into = fetches ? "m" : ""},
                 Rng(1).stream("jitter")) {
    perform(session_.start(now_));
  }

  void step(FuzzBytes& input) {
    const std::uint8_t choice = input.byte();
    switch (choice % 8) {
      case 0:
        return feed(net::Up{"coordinator"});
      case 1:
        return feed(net::Down{"lost", choice == 0xf9});
      case 2:
        if (task_) return finish_task(choice);
        break;
      case 3:
        now_ += Milliseconds(choice * 100);
        return feed(Tick{});
      case 4:
        if (task_) return feed(TaskProgress{*task_, {.done = choice, .total = 9}});
        break;
      default:
        break;
    }
    feed(wire::Message(message_of(input)));
  }

 private:
  void feed(SessionEvent event) { perform(session_.on(std::move(event), now_)); }
  void perform(const std::vector<SessionAction>& actions) {
    require(!finished_ || actions.empty());
    for (const SessionAction& action : actions) std::visit([this](const auto& each) { act(each); }, action);
    std::vector<SessionEvent> next;
    next.swap(due_);
    for (SessionEvent& event : next) feed(std::move(event));
  }
  template <class Other>
  void act(const Other& /*action*/) {}
  void act(const Send& send) { require(static_cast<bool>(wire::decode(wire::encode(send.message)))); }
  void act(const LookForBase& /*look*/) { due_.emplace_back(BaseLooked{}); }
  void act(const OpenBase& open) {
    require(open.list == kFiles);
    task_ = open.task, kind_ = 3, held_.clear();
  }
  void act(const KeepPiece& piece) {
    std::uint64_t& held = held_[piece.name];
    held += piece.bytes.size();
    require(!piece.bytes.empty() && held <= (piece.name == "a.json" ? 16 : 5));
  }
  void act(const InstallBase& install) {
    require(held_["a.json"] == 16 && held_["b.json"] == 5);
    task_ = install.task, kind_ = 4;
  }
  void act(const Load& load) { task_ = load.task, kind_ = 0; }
  void act(const Score& score) {
    require(std::exchange(counted_, false) && score.adapter != nullptr && score.split != "train");
    task_ = score.task, kind_ = 1;
  }
  void act(const Train& train) {
    require(std::exchange(counted_, false) && train.start != nullptr);
    task_ = train.task, kind_ = 2, training_ = train;
  }
  void act(const Cancel& /*cancel*/) { task_.reset(); }
  void act(const Count& /*count*/) { counted_ = true; }
  void act(const ReadSpool& /*read*/) { due_.emplace_back(SpoolRead{}); }
  void act(const Keep& keep) { due_.emplace_back(Kept{keep.update}); }
  void act(const Finish& /*finish*/) { finished_ = true; }

  void finish_task(std::uint8_t choice) {
    const TaskId task = *std::exchange(task_, std::nullopt);
    if ((choice & 128U) != 0) return feed(TaskFailed{task, (choice & 64U) != 0, "it failed"});
    if (kind_ == 0) return feed(TrainerLoaded{task, {kBase, manifest(), {{"train", 30}, {"validation", 30}}}});
    if (kind_ == 3) {
      held_ = {{"b.json", choice / 8 % 6U}};
      return feed(BaseOpened{task, held_, ""});
    }
    if (kind_ == 4) {
      const bool wrong = choice / 8 % 2 != 0;
      if (wrong) held_["b.json"] = 0;
      return feed(BaseChecked{task, wrong ? std::vector<std::string>{"b.json"} : std::vector<std::string>{}});
    }
    if (kind_ == 1) return feed(Scored{task, {.examples = 30, .tally = {{{"loss", {1, 30}}}}}});
    feed(Trained{task,
                 {.run_id = training_.run_id,
                  .round = training_.round,
                  .version = training_.version,
                  .adapter_digest = training_.adapter_digest,
                  .digest = kAdapterDigest,
                  .examples = 30,
                  .values = {{"loss", 1}},
                  .payload = std::make_shared<const Bytes>(kAdapter)}});
  }

  Session session_;
  TimePoint now_{};
  std::optional<TaskId> task_;
  int kind_ = 0;
  std::map<std::string, std::uint64_t> held_;  // of the base model
  Train training_;
  bool counted_ = false, finished_ = false;
  std::vector<SessionEvent> due_;
};

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  Site site(size > 0 && data[size - 1] == 0xba);
  for (FuzzBytes input(data, std::min<std::size_t>(size, 2000)); !input.empty();) site.step(input);
  return 0;
}
