// Every message that crosses a site's boundary, and nothing else does. Each is a struct in one std::variant;
// encode() gives msgpack [version, type, body map], decode() checks every length, type and range before it trusts it.
// Beside each message from a site stands what it reveals.
//
// One session, in order (W worker, C coordinator):
//   W Hello            C Welcome | Refused
//   W FetchBase        C BaseFiles                     (a site without the base model, before it is ready)
//   W FetchFile        C Chunk* (of one of these, from an offset; Acks as below)
//   W Ready | Decline  C Work ...
//   W Fetch            C Chunk* (the adapter of a version, from an offset; at most kWindowBytes beyond the last Ack)
//   W Metrics          (an evaluation that Work asked for)
//   W Progress         (while it trains, for people; may be lost)
//   W Offer            C Resume(offset) | Settled      W Chunk*  C Ack*  ...  C Settled (after the commit is durable)
//   C Settled          (again, of the newest update that counts: its receipt may have been lost)
//   C Finished         (the run has ended; the worker stops)
#pragma once
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <variant>
#include <vector>

#include "common/base/bytes.h"
#include "common/base/result.h"
#include "common/metrics/tally.h"
#include "common/tensor/base_files.h"

namespace weft::wire {

inline constexpr std::uint32_t kProtocolVersion = 1;
inline constexpr std::size_t kChunkBytes = 1 << 20;   // data bytes in one Chunk
inline constexpr std::size_t kWindowBytes = 4 << 20;  // un-acknowledged bytes in flight in either direction
inline constexpr std::size_t kMaxTallyNumbers = 1 << 16;
inline constexpr std::size_t kMaxMessageBytes = 2 << 20;  // no encoded message is larger

// W: reveals program version only; identity comes from the certificate.
struct Hello {
  std::uint32_t protocol = kProtocolVersion;
  std::string weft_version;
};
// C: the run as sites must know it. settings is the resolved shared part of the run file, as YAML.
struct Welcome {
  std::string run;     // name, for people and policies
  std::string run_id;  // 32 hex characters, unique to this run folder
  std::string settings;
  std::string base_digest;  // of the base model the coordinator holds
};
// C: this site cannot take part. permanent: coming back cannot help.
struct Refused {
  std::string reason;
  bool permanent = true;
};
// W: reveals base model digest, the number of examples in each split, and what the site is training.
struct Ready {
  std::string base_digest;
  std::string manifest_digest;                    // of the adapter the site would train
  std::map<std::string, std::uint64_t> examples;  // "train", "validation", "test"
  std::uint32_t training = 0;                     // the round whose update is being made; 0: none
};
// C: what to do with the adapter of `version`. The newest Work replaces an unfinished one; one that asks for nothing
// replaces none, and has the site offer what it has finished.
struct Work {
  std::uint32_t round = 0;    // 0 when nothing is to be trained
  std::uint32_t version = 0;  // adapter version to start from
  std::string adapter_digest;
  std::uint64_t adapter_bytes = 0;
  std::vector<std::string> evaluate;  // splits to score before training, in order
  bool train = false;
  std::uint32_t local_steps = 0;  // of the training; 0: train.local_steps of the settings, and never more
};
// W: asks for the bytes of an adapter version from an offset. Reveals nothing.
struct Fetch {
  std::uint32_t version = 0;
  std::uint64_t offset = 0;
};
// Both: a piece of a tensor payload. W: reveals a part of the update.
struct Chunk {
  std::string digest;  // of the whole payload
  std::uint64_t offset = 0;
  std::uint32_t crc32 = 0;  // of data
  Bytes data;
};
// Both: everything before `offset` has arrived; the window slides.
struct Ack {
  std::string digest;
  std::uint64_t offset = 0;
};
// W: what an evaluation of an adapter version on a local split counted, at most kMaxTallyNumbers numbers in all.
// Reveals the example count, sums of losses, and what the task's scheme counts (common/metrics): a confusion matrix
// reveals how many examples of the split have each label and how well each is told apart, a histogram of scores how
// sure the model is of them. Over very few examples that comes near to single ones: a site's policy can keep such a
// split from being scored.
struct Metrics {
  std::uint32_t version = 0;
  std::string split;
  std::uint64_t examples = 0;
  metrics::Tally tally;
};
// W: for the live view. Reveals speed, and how much of the base model a site that fetches it has.
struct Progress {
  std::uint32_t round = 0;
  // "fetching", "verifying" (bytes of the base model), "loading", "evaluating", "training", "uploading" (bytes).
  std::string stage;
  std::uint64_t done = 0;
  std::uint64_t total = 0;
  double tokens_per_second = 0;
};
// W: a finished update waits here. Reveals its digest and size, the training example count, the mean loss, and what
// the training took: steps, tokens, seconds, peak memory.
struct Offer {
  std::uint32_t round = 0;
  std::uint32_t version = 0;
  std::string digest;
  std::uint64_t bytes = 0;
  std::uint64_t examples = 0;
  std::map<std::string, double> values;  // "loss", "steps", "tokens", "seconds"
};
// C: send the offered payload from this offset.
struct Resume {
  std::string digest;
  std::uint64_t offset = 0;
};
// C: the fate of an update is durable; the worker may forget it. verdict: "committed", "refused" or "late". A committed
// one names the ledger's record of it; record and signature make a Receipt (common/wire/receipt.h).
struct Settled {
  std::uint32_t round = 0;
  std::string digest;
  std::string verdict;
  std::string reason;
  std::string record;     // hash; empty unless committed
  std::string signature;  // hex, of the receipt; empty where the coordinator has no certificate (in one process)
};
// C: the run has ended.
struct Finished {
  std::uint32_t version = 0;  // the best version, which is the result
  std::string reason;
};
// Both: still here (sent when nothing else was for a while). Reveals nothing.
struct Ping {};
// W: this site will not take part (any more), and leaves. Reveals which limit of its policy was met or that its model
// or data cannot be used; what it has stays in its own log.
struct Decline {
  std::string reason;
};
// W: asks which files the base model has. Reveals that the site has no base model yet.
struct FetchBase {};
// C: all of them, so that base_digest(files) is Welcome's.
struct BaseFiles {
  BaseList files;
};
// W: asks for the bytes of the file with that digest from an offset. Reveals how much of the base model the site has.
struct FetchFile {
  std::string digest;
  std::uint64_t offset = 0;
};

using Message = std::variant<Hello, Welcome, Refused, Ready, Work, Fetch, Chunk, Ack, Metrics, Progress, Offer, Resume,
                             Settled, Finished, Ping, Decline, FetchBase, BaseFiles, FetchFile>;

Bytes encode(const Message& message);
// Never throws on foreign bytes. An unknown version or type, a missing, extra, mistyped or over-long field, a
// non-finite number or trailing bytes give an Error that names it.
Result<Message> decode(ByteSpan bytes);
// "Offer", for logs.
const char* name_of(const Message& message);

}  // namespace weft::wire
