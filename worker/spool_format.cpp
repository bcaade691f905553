// The bytes of a finished update's file.
#include <algorithm>
#include <cstring>
#include <nlohmann/json.hpp>

#include "common/base/digest.h"
#include "worker/spool.h"

namespace weft::worker {
namespace {

using Json = nlohmann::json;
constexpr std::string_view kMagic = "WEFTUPD1";
constexpr std::size_t kDigestCharacters = 64, kFixedBytes = 8 + 8 + kDigestCharacters;

Error torn(const std::string& problem) { return {"not a finished update: " + problem}; }

Result<FinishedUpdate> from_json(const Json& header) {
  FinishedUpdate update;
  try {
    update = {.run_id = header.at("run_id").get<std::string>(),
              .round = header.at("round").get<std::uint32_t>(),
              .version = header.at("version").get<std::uint32_t>(),
              .adapter_digest = header.at("adapter_digest").get<std::string>(),
              .digest = header.at("digest").get<std::string>(),
              .examples = header.at("examples").get<std::uint64_t>(),
              .values = header.at("values").get<std::map<std::string, double>>()};
  } catch (const Json::exception& error) {
    return torn(error.what());
  }
  if (!valid_run_id(update.run_id)) return torn("its run_id is not 32 hex characters");
  return update;
}

}  // namespace

bool valid_run_id(const std::string& run_id) {
  return run_id.size() == 32 && run_id.find_first_not_of("0123456789abcdef") == std::string::npos;
}

Bytes encode_update(const FinishedUpdate& update) {
  WEFT_CHECK(update.payload != nullptr && valid_run_id(update.run_id), "an update needs a payload and a run");
  const std::string header = Json{
      {"run_id", update.run_id},   {"round", update.round},
      {"version", update.version}, {"adapter_digest", update.adapter_digest},
      {"digest", update.digest},   {"examples", update.examples},
      {"values", update.values}}.dump();
  const std::size_t body = 16 + header.size() + update.payload->size();
  Bytes file(body + kDigestCharacters);
  std::memcpy(file.data(), kMagic.data(), kMagic.size());
  for (std::size_t i = 0; i < 8; ++i) file[8 + i] = static_cast<std::uint8_t>(std::uint64_t{header.size()} >> (8 * i));
  std::copy(header.begin(), header.end(), file.begin() + 16);
  std::copy(update.payload->begin(), update.payload->end(), file.begin() + 16 + std::ssize(header));
  const std::string digest = sha256_hex(ByteSpan(file).first(body));
  std::copy(digest.begin(), digest.end(), file.begin() + static_cast<std::ptrdiff_t>(body));
  return file;
}

Result<FinishedUpdate> decode_update(ByteSpan file) {
  if (file.size() < kFixedBytes) return torn("only " + std::to_string(file.size()) + " bytes");
  if (as_text(file.first(kMagic.size())) != kMagic) return torn("it does not begin with WEFTUPD1");
  const ByteSpan body = file.first(file.size() - kDigestCharacters);
  if (sha256_hex(body) != as_text(file.last(kDigestCharacters))) return torn("its digest does not fit; it is torn");
  std::uint64_t length = 0;
  for (std::size_t i = 16; i-- > 8;) length = (length << 8) | file[i];
  if (length > body.size() - 16) return torn("its header is longer than the file");
  const ByteSpan header = body.subspan(16, static_cast<std::size_t>(length));
  const Json json = Json::parse(header.begin(), header.end(), nullptr, false);
  if (!json.is_object()) return torn("its header is not a JSON object");
  Result<FinishedUpdate> update = from_json(json);
  if (!update) return update;
  const ByteSpan payload = body.subspan(16 + header.size());
  update->payload = std::make_shared<const Bytes>(payload.begin(), payload.end());
  return update;
}

}  // namespace weft::worker
