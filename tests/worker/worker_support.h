// The other sides of a worker: a trainer of plain arithmetic and a coordinator of one site, both deterministic.
#pragma once
#include <atomic>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <thread>
#include <vector>

#include "common/crypto/signature.h"
#include "common/fl/local_trainer.h"
#include "common/wire/messages.h"
#include "common/wire/transfer.h"

namespace weft::worker {

inline const std::string kRunId(32, 'a');
inline const std::string kBaseDigest(64, 'b');

// One tensor of that many values.
std::shared_ptr<const Manifest> manifest_of(std::int64_t values);
wire::Welcome welcome_message();

// update = 0.5·start + round; the score of an adapter is its first value.
class StubTrainer final : public fl::LocalTrainer {
 public:
  struct Hooks {
    std::function<void(const fl::ProgressFn&, std::stop_token)> training;  // called at the start of each
    std::atomic<std::uint32_t> trained{0}, scored{0};
  };
  StubTrainer(std::shared_ptr<const Manifest> manifest, std::shared_ptr<Hooks> hooks,
              std::string base_digest = kBaseDigest);
  ~StubTrainer() override { check_thread(); }
  const fl::SiteFacts& facts() const override { return facts_; }
  fl::TrainResult train(const fl::TrainJob& job, const fl::ProgressFn& progress, std::stop_token stop) override;
  fl::Evaluation evaluate(const StateDict& adapter, const std::string& split, const fl::ProgressFn& progress,
                          std::stop_token stop) override;

 private:
  void check_thread() const;  // the one that made it
  fl::SiteFacts facts_;
  std::shared_ptr<Hooks> hooks_;
  std::thread::id thread_ = std::this_thread::get_id();
};

// Runs `rounds` rounds of one site that is always asked: the next adapter is the old one plus the update. Messages in,
// messages out; what it knows outlives lost sessions.
class ScriptedCoordinator {
 public:
  ScriptedCoordinator(std::shared_ptr<const Manifest> manifest, std::uint32_t rounds);
  void session_lost();  // also before a new one
  std::vector<wire::Message> on(const wire::Message& message);

  bool finished() const { return finished_; }
  const std::map<std::uint32_t, std::string>& committed() const { return committed_; }  // round to digest
  const StateDict& adapter() const { return adapter_; }
  // Scores by version and split, as they came first; a different second one is a fault.
  const std::map<std::string, double>& scores() const { return scores_; }
  std::uint64_t bytes_down() const { return bytes_down_; }
  std::uint64_t bytes_up() const { return bytes_up_; }

  std::optional<crypto::Signer> signer;  // of receipts; none: nobody signs

 private:
  wire::Message next_step();
  wire::Message committed_message(const wire::Offer& offer) const;
  void commit(const wire::Offer& offer, const Bytes& payload);
  void pump(std::vector<wire::Message>& out);

  std::shared_ptr<const Manifest> manifest_;
  std::uint32_t rounds_, round_ = 1;
  StateDict adapter_;
  std::shared_ptr<const Bytes> payload_;
  std::string digest_;
  std::map<std::uint32_t, std::string> committed_;
  std::map<std::string, double> scores_;
  std::optional<wire::ChunkSender> sender_;
  std::optional<wire::Offer> offer_;
  std::optional<wire::ChunkReceiver> receiver_;
  std::uint64_t bytes_down_ = 0, bytes_up_ = 0;
  bool finished_ = false;
};

}  // namespace weft::worker
