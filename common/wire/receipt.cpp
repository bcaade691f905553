// A receipt's two texts: the one that is signed and the one that is stored.
#include "common/wire/receipt.h"

#include <nlohmann/json.hpp>

#include "common/base/ids.h"
#include "common/base/json_depth.h"
#include "common/wire/field_io.h"

namespace weft::wire {
namespace {

using Json = nlohmann::ordered_json;
constexpr std::string_view kHexCharacters = "0123456789abcdef";

bool is_hex(const std::string& text, std::size_t characters) {
  return text.size() == characters && text.find_first_not_of(kHexCharacters) == std::string::npos;
}

}  // namespace

// No field can hold a line's end: they are numbers, hex, and a site's name.
std::string receipt_statement(const Receipt& receipt) {
  return "weft receipt 1\nrun " + receipt.run_id + "\nround " + std::to_string(receipt.round) + "\nsite " +
         receipt.site + "\nupdate " + receipt.digest + "\nexamples " + std::to_string(receipt.examples) + "\nrecord " +
         receipt.record + "\n";
}

std::string to_json(const Receipt& receipt) {
  const Json json{{"run_id", receipt.run_id},       {"round", receipt.round},
                  {"site", receipt.site},           {"digest", receipt.digest},
                  {"examples", receipt.examples},   {"record", receipt.record},
                  {"signature", receipt.signature}, {"certificate", receipt.certificate}};
  return json.dump() + "\n";
}

Result<Receipt> receipt_from_json(std::string_view text) {
  const Json json = Json::parse(shallow_json(text), nullptr, false);
  Receipt receipt;
  try {
    receipt = {.run_id = json.at("run_id").get<std::string>(),
               .round = json.at("round").get<std::uint32_t>(),
               .site = json.at("site").get<std::string>(),
               .digest = json.at("digest").get<std::string>(),
               .examples = json.at("examples").get<std::uint64_t>(),
               .record = json.at("record").get<std::string>(),
               .signature = json.at("signature").get<std::string>(),
               .certificate = json.at("certificate").get<std::string>()};
  } catch (const Json::exception& error) {
    return Error{std::string("not a receipt: ") + error.what()};
  }
  if (!is_hex(receipt.run_id, kRunIdCharacters) || !valid_site_name(receipt.site) ||
      !is_hex(receipt.digest, kDigestCharacters) || !is_hex(receipt.record, kDigestCharacters) ||
      bytes_of_hex(receipt.signature).empty())
    return Error{"not a receipt: run_id, site, digest, record or signature is malformed"};
  return receipt;
}

Bytes bytes_of_hex(std::string_view hex) {
  if (hex.size() % 2 != 0 || hex.find_first_not_of(kHexCharacters) != std::string_view::npos) return {};
  Bytes bytes;
  for (std::size_t i = 0; i < hex.size(); i += 2)
    bytes.push_back(static_cast<std::uint8_t>(kHexCharacters.find(hex[i]) << 4U | kHexCharacters.find(hex[i + 1])));
  return bytes;
}

}  // namespace weft::wire
