#include "tests/worker/worker_support.h"

#include <gtest/gtest.h>

#include "common/base/digest.h"
#include "common/wire/receipt.h"

namespace weft::worker {

std::shared_ptr<const Manifest> manifest_of(std::int64_t values) {
  return std::make_shared<const Manifest>(Manifest::build({{"w", {values}}}).value());
}

wire::Welcome welcome_message() {
  return {.run = "sentiment",
          .run_id = kRunId,
          .settings =
              "task: {kind: sequence_classification}\nadapter: {method: lora}\nrounds: {count: 3}\n"
              "train: {local_steps: 5}\n",
          .base_digest = kBaseDigest};
}

StubTrainer::StubTrainer(std::shared_ptr<const Manifest> manifest, std::shared_ptr<Hooks> hooks,
                         std::string base_digest)
    : facts_{.base_digest = std::move(base_digest),
             .manifest = std::move(manifest),
             .examples = {{"train", 100}, {"validation", 20}}},
      hooks_(std::move(hooks)) {}

void StubTrainer::check_thread() const { EXPECT_EQ(std::this_thread::get_id(), thread_); }

fl::TrainResult StubTrainer::train(const fl::TrainJob& job, const fl::ProgressFn& progress, std::stop_token stop) {
  check_thread();
  if (hooks_->training) hooks_->training(progress, stop);
  if (stop.stop_requested()) throw fl::Cancelled{};
  StateDict update = *job.start;
  for (float& value : update.values) value = 0.5F * value + static_cast<float>(job.round);
  ++hooks_->trained;
  return {.update = std::move(update), .examples = 100, .values = {{"loss", 1.0 / job.round}}};
}

fl::Evaluation StubTrainer::evaluate(const StateDict& adapter, const std::string& split,
                                     const fl::ProgressFn& /*progress*/, std::stop_token /*stop*/) {
  check_thread();
  ++hooks_->scored;
  return {.examples = facts_.examples.at(split), .tally = {{{"loss", {adapter.values.front(), 1}}}}};
}

ScriptedCoordinator::ScriptedCoordinator(std::shared_ptr<const Manifest> manifest, std::uint32_t rounds)
    : manifest_(std::move(manifest)), rounds_(rounds), adapter_(StateDict::zeros(manifest_)) {
  for (std::size_t i = 0; i < adapter_.values.size(); ++i) adapter_.values[i] = static_cast<float>(i % 1000);
  payload_ = std::make_shared<const Bytes>(wire::payload_of(adapter_));
  digest_ = sha256_hex(*payload_);
}

wire::Message ScriptedCoordinator::committed_message(const wire::Offer& offer) const {
  wire::Receipt receipt{.run_id = kRunId,
                        .round = offer.round,
                        .site = "alpha",
                        .digest = offer.digest,
                        .examples = offer.examples,
                        .record = sha256_hex(as_bytes("record " + std::to_string(offer.round)))};
  if (signer) receipt.signature = to_hex(signer->sign(as_bytes(wire::receipt_statement(receipt))));
  return wire::Settled{.round = receipt.round,
                       .digest = receipt.digest,
                       .verdict = "committed",
                       .record = receipt.record,
                       .signature = receipt.signature};
}

void ScriptedCoordinator::session_lost() { sender_.reset(); }

wire::Message ScriptedCoordinator::next_step() {
  if (round_ > rounds_) {
    finished_ = true;
    return wire::Finished{.version = rounds_, .reason = "all rounds are done"};
  }
  return wire::Work{.round = round_,
                    .version = round_ - 1,
                    .adapter_digest = digest_,
                    .adapter_bytes = payload_->size(),
                    .evaluate = {"validation", "test"},
                    .train = true};
}

void ScriptedCoordinator::pump(std::vector<wire::Message>& out) {
  while (auto chunk = sender_->next()) {
    bytes_down_ += chunk->data.size();
    out.emplace_back(std::move(*chunk));
  }
}

void ScriptedCoordinator::commit(const wire::Offer& offer, const Bytes& payload) {
  EXPECT_EQ(offer.version, round_ - 1);
  committed_[offer.round] = offer.digest;
  const StateDict update = wire::state_from_payload(payload, manifest_).value();
  for (std::size_t i = 0; i < adapter_.values.size(); ++i) adapter_.values[i] += update.values[i];
  payload_ = std::make_shared<const Bytes>(wire::payload_of(adapter_));
  digest_ = sha256_hex(*payload_);
  ++round_;
}

std::vector<wire::Message> ScriptedCoordinator::on(const wire::Message& message) {
  std::vector<wire::Message> out;
  if (std::holds_alternative<wire::Hello>(message)) {
    out.emplace_back(welcome_message());
  } else if (const auto* ready = std::get_if<wire::Ready>(&message)) {
    EXPECT_EQ(ready->manifest_digest, manifest_->digest());
    out.push_back(next_step());
  } else if (const auto* fetch = std::get_if<wire::Fetch>(&message)) {
    EXPECT_EQ(fetch->version, round_ - 1);
    EXPECT_LT(fetch->offset, payload_->size());
    sender_.emplace(payload_, digest_, fetch->offset);
    pump(out);
  } else if (const auto* ack = std::get_if<wire::Ack>(&message)) {
    EXPECT_TRUE(sender_.has_value());
    if (!sender_) return out;
    EXPECT_TRUE(sender_->on(*ack));
    pump(out);
  } else if (const auto* metrics = std::get_if<wire::Metrics>(&message)) {
    const auto loss = metrics->tally.find("loss");
    const double score = loss.empty() ? -1 : loss[0];
    const auto [at, fresh] = scores_.emplace(std::to_string(metrics->version) + metrics->split, score);
    EXPECT_EQ(at->second, score) << at->first;
    EXPECT_EQ(metrics->examples, metrics->split == "validation" ? 20U : 0U);
  } else if (const auto* offer = std::get_if<wire::Offer>(&message)) {
    const auto known = committed_.find(offer->round);
    if (known != committed_.end() && known->second == offer->digest) {
      out.emplace_back(committed_message(*offer));
    } else if (offer->round != round_) {
      out.emplace_back(wire::Settled{.round = offer->round, .digest = offer->digest, .verdict = "late"});
    } else {
      if (!receiver_ || receiver_->digest() != offer->digest) receiver_.emplace(offer->digest, offer->bytes);
      offer_ = *offer;
      out.emplace_back(wire::Resume{.digest = offer->digest, .offset = receiver_->offset()});
    }
  } else if (const auto* chunk = std::get_if<wire::Chunk>(&message)) {
    EXPECT_TRUE(receiver_.has_value());
    if (!receiver_) return out;
    bytes_up_ += chunk->data.size();
    const Result<wire::Ack> held = receiver_->on(*chunk);
    EXPECT_TRUE(held) << held.error().message;
    if (!held) return out;
    out.emplace_back(held.value());
    if (receiver_->complete()) {
      commit(*offer_, receiver_->take());
      receiver_.reset();
      out.emplace_back(committed_message(*offer_));
      out.push_back(next_step());
    }
  } else {
    EXPECT_TRUE(std::holds_alternative<wire::Progress>(message) || std::holds_alternative<wire::Ping>(message))
        << wire::name_of(message);
  }
  return out;
}

}  // namespace weft::worker
