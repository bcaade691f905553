// A whole worker against a scripted coordinator in another thread: sockets' stand-ins, threads and files are real.
#include "worker/worker.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <condition_variable>
#include <fstream>
#include <future>
#include <mutex>
#include <set>
#include <thread>

#include "common/base/digest.h"
#include "common/net/in_process.h"
#include "tests/base/small_disk.h"
#include "tests/worker/base_support.h"
#include "tests/worker/worker_support.h"
#include "worker/spool.h"

namespace weft::worker {
namespace {

using testing::HasSubstr;

constexpr std::uint32_t kRounds = 3;

// Answers as the script says, except where `intercept` takes a message and does otherwise.
class CoordinatorThread {
 public:
  using Reply = std::function<void(const Bytes&)>;
  using Intercept = std::function<bool(const wire::Message&, const Reply&, const std::function<void()>& disconnect)>;

  CoordinatorThread(net::InProcessHub& hub, ScriptedCoordinator& script, Intercept intercept = {})
      : server_(hub.server()), script_(script), intercept_(std::move(intercept)), thread_([this](std::stop_token stop) {
          const std::stop_callback woken(stop, [this] { server_->wake(); });
          while (!stop.stop_requested())
            if (const auto event = server_->receive(TimePoint::max())) handle(*event);
        }) {}

 private:
  void handle(const net::ServerEvent& event) {
    if (!std::holds_alternative<net::Received>(event)) return script_.session_lost();
    const auto& received = std::get<net::Received>(event);
    const wire::Message message = wire::decode(received.message).value();
    const Reply reply = [&](const Bytes& bytes) { server_->send(received.session, bytes); };
    if (intercept_ && intercept_(message, reply, [&] { server_->disconnect(received.session); })) return;
    for (const wire::Message& answer : script_.on(message)) reply(wire::encode(answer));
  }

  std::unique_ptr<net::ServerTransport> server_;
  ScriptedCoordinator& script_;
  Intercept intercept_;
  std::jthread thread_;
};

class WorkerTest : public testing::Test {
 protected:
  WorkerTest() {
    std::string name = testing::TempDir() + "workerXXXXXX";
    folder_ = ::mkdtemp(name.data());
  }
  ~WorkerTest() override { std::filesystem::remove_all(folder_); }

  WorkerOptions options() {
    return {.site = {"alpha"},
            .folder = folder_,
            .policy = {},
            .coordinator = "in process",
            .weft_version = "test",
            .make_trainer = [this](const YamlView& settings) {
              steps_ = settings.child("train").integer("local_steps");
              return std::make_unique<StubTrainer>(manifest_, hooks_);
            }};
  }
  WorkerResult run(const std::stop_token& stop = {}) {
    const auto client = hub_.client({"alpha"});
    Worker worker(options(), *client, clock_, Rng(1));
    return worker.run(stop);
  }
  std::size_t spooled() { return Spool(folder_).of_run(kRunId).value().size(); }

  std::filesystem::path folder_;
  SystemClock clock_;
  net::InProcessHub hub_;
  std::shared_ptr<const Manifest> manifest_ = manifest_of(1000);
  std::shared_ptr<StubTrainer::Hooks> hooks_ = std::make_shared<StubTrainer::Hooks>();
  ScriptedCoordinator script_{manifest_, kRounds};
  std::int64_t steps_ = 0;
};

TEST_F(WorkerTest, TrainsARunToItsEnd) {
  const CoordinatorThread coordinator(hub_, script_);
  const WorkerResult result = run();
  EXPECT_EQ(result.outcome, Outcome::finished) << result.reason;
  EXPECT_EQ(result.exit_code(), 0);
  EXPECT_EQ(result.version, kRounds);
  EXPECT_EQ(script_.committed().size(), kRounds);
  EXPECT_EQ(script_.scores().size(), 2 * kRounds);
  EXPECT_EQ(hooks_->trained, kRounds);
  EXPECT_EQ(steps_, 5);
  EXPECT_EQ(spooled(), 0U);
}

// The training under way is kept in a file larger than the update, which is in its way when the disk is full.
TEST_F(WorkerTest, AFinishedUpdateTakesTheRoomOfTheTrainingThatWasKept) {
  class Full final : public RealDisk {
   public:
    explicit Full(std::filesystem::path in_the_way) : in_the_way_(std::move(in_the_way)) {}
    Status write_atomic(const std::filesystem::path& path, ByteSpan content, unsigned mode) override {
      if (path.extension() != ".update" || !exists(in_the_way_)) return RealDisk::write_atomic(path, content, mode);
      free_ = left;
      return Error{"it cannot be written"};
    }
    std::optional<std::uint64_t> free_bytes(const std::filesystem::path& /*folder*/) override { return free_; }
    std::uint64_t left = 1 << 20;  // once it has failed; as much as this: for another reason

   private:
    std::filesystem::path in_the_way_;
    std::uint64_t free_ = 1 << 20;
  } disk(folder_ / (kRunId + ".training"));
  write_atomic(folder_ / (kRunId + ".training"), Bytes(100'000, 1)).value();
  const CoordinatorThread coordinator(hub_, script_);
  const auto outcome = [&] {
    WorkerOptions full = options();
    full.disk = &disk;
    const auto client = hub_.client({"alpha"});
    return Worker(std::move(full), *client, clock_, Rng(1)).run({}).outcome;
  };
  EXPECT_EQ(outcome(), Outcome::failed);
  EXPECT_TRUE(std::filesystem::exists(folder_ / (kRunId + ".training"))) << "all that there is of that training";
  disk.left = 100;
  EXPECT_EQ(outcome(), Outcome::finished);
  EXPECT_EQ(hooks_->trained, kRounds + 1);
}

TEST_F(WorkerTest, ComesBackAfterGarbageAndAfterALostSession) {
  std::set<std::string> faults;
  const CoordinatorThread coordinator(
      hub_, script_, [&](const auto& message, const auto& reply, const auto& disconnect) {
        if (std::holds_alternative<wire::Hello>(message) && faults.insert("garbage").second) {
          reply({0x93, 0x01, 0xff});
          return true;
        }
        if (std::holds_alternative<wire::Offer>(message) && faults.insert("lost").second) {
          disconnect();
          return true;
        }
        return false;
      });
  const WorkerResult result = run();
  EXPECT_EQ(result.outcome, Outcome::finished) << result.reason;
  EXPECT_EQ(faults.size(), 2U);
  EXPECT_EQ(script_.committed().size(), kRounds);
  EXPECT_EQ(hooks_->trained, kRounds);
}

TEST_F(WorkerTest, TakesNoPartWhenItsDiskHasNoRoomForWhatItWouldFinish) {
  const CoordinatorThread coordinator(hub_, script_, [](const auto& message, const auto&, const auto&) {
    return std::holds_alternative<wire::Decline>(message);
  });
  const auto client = hub_.client({"alpha"});
  WorkerOptions given = options();
  given.make_trainer = [&](const YamlView&) {
    return std::make_unique<StubTrainer>(manifest_of(std::int64_t{1} << 39), hooks_);  // no disk holds that
  };
  Worker worker(std::move(given), *client, clock_, Rng(1));
  const WorkerResult result = worker.run({});
  EXPECT_EQ(result.outcome, Outcome::failed);
  EXPECT_THAT(result.reason, HasSubstr("two finished updates of 2.0 TiB"));
  EXPECT_THAT(result.reason, HasSubstr("make room"));
  EXPECT_EQ(hooks_->trained, 0U);
}

// The link breaks in the middle of a file, the worker is stopped in the middle of another and started again, and a byte
// of what it has rots: in the end the folder is the base model, and only then was a trainer made.
TEST_F(WorkerTest, FetchesTheBaseModelThroughBreaksAndVerifiesIt) {
  BaseContents contents = small_base();
  contents["tokenizer.json"] = base_bytes(wire::kChunkBytes + 1, 3);  // so that it has a middle
  const BaseList list = list_of(contents);
  const std::filesystem::path model = folder_ / "model";
  std::stop_source stop;
  std::optional<wire::ChunkSender> sender;
  std::set<std::string> faults;
  std::uint64_t sent = 0;
  const auto pump = [&](const auto& reply, const auto& disconnect) {
    while (auto chunk = sender->next()) {
      sent += chunk->data.size();
      if (chunk->digest == list[1].digest && chunk->offset == 2 * wire::kChunkBytes && faults.insert("lost").second)
        return disconnect();
      if (chunk->digest == list[2].digest && faults.insert("stopped").second) stop.request_stop();
      reply(wire::encode(*chunk));
    }
  };
  const CoordinatorThread coordinator(hub_, script_,
                                      [&](const auto& message, const auto& reply, const auto& disconnect) {
                                        if (std::holds_alternative<wire::Hello>(message)) {
                                          wire::Welcome welcome = welcome_message();
                                          welcome.base_digest = base_digest(list);
                                          reply(wire::encode(welcome));
                                        } else if (std::holds_alternative<wire::FetchBase>(message)) {
                                          reply(wire::encode(wire::BaseFiles{list}));
                                        } else if (const auto* asked = std::get_if<wire::FetchFile>(&message)) {
                                          sender.emplace(sender_of(contents, *asked));
                                          pump(reply, disconnect);
                                        } else if (const auto* ack = std::get_if<wire::Ack>(&message);
                                                   ack != nullptr && !std::filesystem::exists(model)) {
                                          (void)static_cast<bool>(sender->on(*ack));
                                          pump(reply, disconnect);
                                        } else {
                                          return false;
                                        }
                                        return true;
                                      });
  const auto fetch = [&](const std::stop_token& token) {
    const auto client = hub_.client({"alpha"});
    WorkerOptions given = options();
    given.fetch_into = model;
    given.make_trainer = [&](const YamlView& settings) {
      for (const auto& [name, bytes] : contents) {
        auto file = MappedFile::open(model / name);
        EXPECT_TRUE(file && std::equal(bytes.begin(), bytes.end(), file->bytes().begin(), file->bytes().end())) << name;
      }
      steps_ = settings.child("train").integer("local_steps");
      return std::make_unique<StubTrainer>(manifest_, hooks_, base_digest(list));
    };
    Worker worker(std::move(given), *client, clock_, Rng(1));
    return worker.run(token);
  };
  EXPECT_EQ(fetch(stop.get_token()).outcome, Outcome::stopped);
  EXPECT_FALSE(std::filesystem::exists(model));
  {
    std::fstream rotten(folder_ / "model.part-alpha/config.json", std::ios::in | std::ios::out | std::ios::binary);
    rotten.put('#');
  }
  const WorkerResult result = fetch({});
  EXPECT_EQ(result.outcome, Outcome::finished) << result.reason;
  EXPECT_EQ(faults.size(), 2U);
  EXPECT_EQ(script_.committed().size(), kRounds);
  EXPECT_LT(sent, total_bytes(list) + 3 * wire::kWindowBytes) << "it began anew";
}

// The worker ends between the spool write and the commit; the next one brings the update home without training.
TEST_F(WorkerTest, UpdateOfADeadWorkerIsOfferedByTheNext) {
  std::stop_source stop;
  const CoordinatorThread coordinator(hub_, script_, [&](const auto& message, const auto&, const auto&) {
    const auto* offer = std::get_if<wire::Offer>(&message);
    if (offer == nullptr || offer->round != 2 || stop.stop_requested()) return false;
    stop.request_stop();
    return true;
  });
  EXPECT_EQ(run(stop.get_token()).outcome, Outcome::stopped);
  EXPECT_EQ(spooled(), 1U);
  EXPECT_EQ(hooks_->trained, 2U);
  const WorkerResult result = run();
  EXPECT_EQ(result.outcome, Outcome::finished) << result.reason;
  EXPECT_EQ(script_.committed().size(), kRounds);
  EXPECT_EQ(hooks_->trained, kRounds);
  EXPECT_EQ(spooled(), 0U);
}

TEST_F(WorkerTest, StopsInTheMiddleOfTraining) {
  std::stop_source stop;
  hooks_->training = [&](const fl::ProgressFn& progress, const std::stop_token& cancelled) {
    progress({.done = 1, .total = 5, .tokens_per_second = 10});
    stop.request_stop();
    std::mutex mutex;
    std::unique_lock lock(mutex);
    std::condition_variable_any().wait(lock, cancelled, [] { return false; });
  };
  const CoordinatorThread coordinator(hub_, script_);
  EXPECT_EQ(run(stop.get_token()).outcome, Outcome::stopped);
  EXPECT_EQ(hooks_->trained, 0U);
  EXPECT_EQ(spooled(), 0U);
}

// The coordinator asks for something else: the running training is cancelled, not waited for.
TEST_F(WorkerTest, NewerWorkCancelsARunningTraining) {
  std::promise<void> training;
  hooks_->training = [&](const fl::ProgressFn&, const std::stop_token& cancelled) {
    training.set_value();
    std::mutex mutex;
    std::unique_lock lock(mutex);
    std::condition_variable_any().wait(lock, cancelled, [] { return false; });
  };
  const CoordinatorThread coordinator(hub_, script_, [&](const auto& message, const auto& reply, const auto&) {
    const auto* metrics = std::get_if<wire::Metrics>(&message);
    if (metrics == nullptr || metrics->split == "test") return false;
    if (metrics->split == "train") {
      reply(wire::encode(wire::Finished{.version = 0, .reason = "enough"}));
      return true;
    }
    training.get_future().wait();
    reply(wire::encode(wire::Work{.adapter_digest = sha256_hex(wire::payload_of(script_.adapter())),
                                  .adapter_bytes = 4000,
                                  .evaluate = {"train"}}));
    return true;
  });
  const WorkerResult result = run();
  EXPECT_EQ(result.outcome, Outcome::finished) << result.reason;
  EXPECT_EQ(result.reason, "enough");
  EXPECT_EQ(hooks_->trained, 0U);
}

TEST_F(WorkerTest, DiskThatTakesNoUpdateEndsItWithAClearError) {
  hooks_->training = [&](const fl::ProgressFn&, const std::stop_token&) {  // stands for any failure of the write
    std::filesystem::create_directory(folder_ / (kRunId + "-1.update"));
  };
  const CoordinatorThread coordinator(hub_, script_);
  const WorkerResult result = run();
  EXPECT_EQ(result.outcome, Outcome::failed);
  EXPECT_EQ(result.exit_code(), 1);
  EXPECT_THAT(result.reason, AllOf(HasSubstr("cannot be kept"), HasSubstr(kRunId + "-1.update")));
  EXPECT_TRUE(script_.committed().empty());
}

TEST_F(WorkerTest, ErrorsOfTheTrainerEndIt) {
  const CoordinatorThread coordinator(hub_, script_);
  hooks_->training = [](const fl::ProgressFn&, const std::stop_token&) { throw Failure("out of memory"); };
  WorkerResult result = run();
  EXPECT_EQ(result.outcome, Outcome::failed);
  EXPECT_EQ(result.reason, "out of memory");
  hooks_->training = [](const fl::ProgressFn&, const std::stop_token&) { throw ConfigError("train.csv:3: no label"); };
  result = run();
  EXPECT_EQ(result.outcome, Outcome::misconfigured);
  EXPECT_EQ(result.exit_code(), 2);
  hooks_->training = [](const fl::ProgressFn&, const std::stop_token&) { throw fl::Cancelled{}; };
  EXPECT_THAT(run().reason, HasSubstr("nobody asked"));
}

TEST_F(WorkerTest, TwoWorkersCannotShareAFolder) {
  const Spool held(folder_);
  EXPECT_THROW(run(), Failure);
}

}  // namespace
}  // namespace weft::worker
