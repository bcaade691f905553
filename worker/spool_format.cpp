// The bytes of a finished update's file.
#include <nlohmann/json.hpp>

#include "worker/framed_file.h"
#include "worker/spool.h"

namespace weft::worker {
namespace {

using Json = nlohmann::json;
constexpr std::string_view kMagic = "WEFTUPD1";

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
  const Json header{{"run_id", update.run_id},   {"round", update.round},
                    {"version", update.version}, {"adapter_digest", update.adapter_digest},
                    {"digest", update.digest},   {"examples", update.examples},
                    {"values", update.values}};
  return framed(kMagic, header.dump(), *update.payload);
}

Result<FinishedUpdate> decode_update(ByteSpan file) {
  const Result<Framed> whole = unframed(kMagic, file);
  if (!whole) return torn(whole.error().message);
  const ByteSpan header = whole.value().header;
  const Json json = Json::parse(header.begin(), header.end(), nullptr, false);
  if (!json.is_object()) return torn("its header is not a JSON object");
  Result<FinishedUpdate> update = from_json(json);
  if (!update) return update;
  update->payload = std::make_shared<const Bytes>(whole.value().payload.begin(), whole.value().payload.end());
  return update;
}

}  // namespace weft::worker
