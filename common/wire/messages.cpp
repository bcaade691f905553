// The fields of every message, stated once for both ways.
#include "common/wire/messages.h"

#include <array>
#include <concepts>

#include "common/wire/field_io.h"

namespace weft::wire {
namespace {

constexpr std::array<const char*, std::variant_size_v<Message>> kNames{
    "Hello", "Welcome", "Refused", "Ready",    "Work", "Fetch",   "Chunk",     "Ack",       "Metrics",  "Progress",
    "Offer", "Resume",  "Settled", "Finished", "Ping", "Decline", "FetchBase", "BaseFiles", "FetchFile"};

// M is T to be read into, or const T to be written.
template <class M, class T>
concept Of = std::same_as<std::remove_const_t<M>, T>;

template <class Io>
void fields(Io& io, Of<Hello> auto& m) {
  io.number("protocol", m.protocol);
  io.line("weft_version", m.weft_version);
}
template <class Io>
void fields(Io& io, Of<Welcome> auto& m) {
  io.line("run", m.run);
  io.hex("run_id", m.run_id, kRunIdCharacters);
  io.settings("settings", m.settings);
  io.hex("base_digest", m.base_digest);
}
template <class Io>
void fields(Io& io, Of<Refused> auto& m) {
  io.prose("reason", m.reason);
  io.flag("permanent", m.permanent);
}
template <class Io>
void fields(Io& io, Of<Ready> auto& m) {
  io.hex("base_digest", m.base_digest);
  io.hex("manifest_digest", m.manifest_digest);
  io.table("examples", m.examples);
  io.number("training", m.training);
}
template <class Io>
void fields(Io& io, Of<Work> auto& m) {
  io.number("round", m.round);
  io.number("version", m.version);
  io.hex("adapter_digest", m.adapter_digest);
  io.number("adapter_bytes", m.adapter_bytes);
  io.words("evaluate", m.evaluate);
  io.flag("train", m.train);
  io.number("local_steps", m.local_steps);
}
template <class Io>
void fields(Io& io, Of<Fetch> auto& m) {
  io.number("version", m.version);
  io.number("offset", m.offset);
}
template <class Io>
void fields(Io& io, Of<Chunk> auto& m) {
  io.hex("digest", m.digest);
  io.number("offset", m.offset);
  io.number("crc32", m.crc32);
  io.data("data", m.data);
}
template <class Io>
void fields(Io& io, Of<Ack> auto& m) {
  io.hex("digest", m.digest);
  io.number("offset", m.offset);
}
template <class Io>
void fields(Io& io, Of<Metrics> auto& m) {
  io.number("version", m.version);
  io.word("split", m.split);
  io.number("examples", m.examples);
  io.tally("tally", m.tally);
}
template <class Io>
void fields(Io& io, Of<Progress> auto& m) {
  io.number("round", m.round);
  io.word("stage", m.stage);
  io.number("done", m.done);
  io.number("total", m.total);
  io.real("tokens_per_second", m.tokens_per_second);
}
template <class Io>
void fields(Io& io, Of<Offer> auto& m) {
  io.number("round", m.round);
  io.number("version", m.version);
  io.hex("digest", m.digest);
  io.number("bytes", m.bytes);
  io.number("examples", m.examples);
  io.table("values", m.values);
}
template <class Io>
void fields(Io& io, Of<Resume> auto& m) {
  io.hex("digest", m.digest);
  io.number("offset", m.offset);
}
template <class Io>
void fields(Io& io, Of<Settled> auto& m) {
  io.number("round", m.round);
  io.hex("digest", m.digest);
  io.word("verdict", m.verdict);
  io.prose("reason", m.reason);
  io.proof("record", m.record);
  io.proof("signature", m.signature);
}
template <class Io>
void fields(Io& io, Of<Finished> auto& m) {
  io.number("version", m.version);
  io.prose("reason", m.reason);
}
template <class Io>
void fields(Io& /*io*/, Of<Ping> auto& /*m*/) {}
template <class Io>
void fields(Io& io, Of<Decline> auto& m) {
  io.prose("reason", m.reason);
}
template <class Io>
void fields(Io& /*io*/, Of<FetchBase> auto& /*m*/) {}
template <class Io>
void fields(Io& io, Of<BaseFiles> auto& m) {
  io.listing("files", m.files);
}
template <class Io>
void fields(Io& io, Of<FetchFile> auto& m) {
  io.hex("digest", m.digest);
  io.number("offset", m.offset);
}

template <class T>
Message read(FieldReader& reader) {
  T message;
  fields(reader, message);
  reader.finish();
  return message;
}

using ReadFn = Message (*)(FieldReader&);
template <std::size_t... I>
constexpr std::array<ReadFn, sizeof...(I)> readers(std::index_sequence<I...> /*all*/) {
  return {&read<std::variant_alternative_t<I, Message>>...};
}
constexpr auto kReaders = readers(std::make_index_sequence<std::variant_size_v<Message>>{});

// What the verdicts of Settled are, and which of them has a record; others cannot be acted on.
std::optional<Error> meaning_fault(const Message& message) {
  const auto* settled = std::get_if<Settled>(&message);
  if (settled == nullptr) return std::nullopt;
  const std::string& verdict = settled->verdict;
  if (verdict != "committed" && verdict != "refused" && verdict != "late")
    return Error{"message \"Settled\": field \"verdict\" is \"" + verdict + "\", expected committed, refused or late"};
  const std::size_t expected = verdict == "committed" ? kDigestCharacters : 0;
  if (settled->record.size() == expected && (expected > 0 || settled->signature.empty())) return std::nullopt;
  return Error{"message \"Settled\": verdict " + verdict + " with a record of " +
               std::to_string(settled->record.size()) + " characters and a signature of " +
               std::to_string(settled->signature.size()) + ", expected a record of " + std::to_string(expected) +
               (expected == 0 ? " and none" : "")};
}

}  // namespace

const char* name_of(const Message& message) { return kNames[message.index()]; }

Bytes encode(const Message& message) {
  const auto* chunk = std::get_if<Chunk>(&message);
  FieldWriter writer(kProtocolVersion, name_of(message), 256 + (chunk == nullptr ? 0 : chunk->data.size()));
  std::visit([&](const auto& m) { fields(writer, m); }, message);
  return writer.take();
}

Result<Message> decode(ByteSpan bytes) {
  FieldReader reader(bytes);
  if (reader.fault()) return *reader.fault();
  for (std::size_t i = 0; i < kNames.size(); ++i) {
    if (reader.type() != kNames[i]) continue;
    Message message = kReaders[i](reader);
    if (reader.fault()) return *reader.fault();
    if (auto fault = meaning_fault(message)) return *fault;
    return message;
  }
  return Error{"message of unknown type " + shown(reader.type())};
}

}  // namespace weft::wire
