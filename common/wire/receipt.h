// A receipt: the coordinator's signed word that a site's update was counted, and in which record of its ledger. The
// site keeps it. Should the ledger later lack that record, or say something else of that update, the coordinator's own
// signature contradicts it. A receipt needs nothing beside it: whoever has one and trusts the CA can check it.
#pragma once
#include <cstdint>
#include <string>
#include <string_view>

#include "common/base/bytes.h"
#include "common/base/result.h"

namespace weft::wire {

struct Receipt {
  std::string run_id;
  std::uint32_t round = 0;
  std::string site;
  std::string digest;          // of the update
  std::uint64_t examples = 0;  // as the site offered it
  std::string record;          // hash of the ledger's record of the round (coordinator/record.h)
  std::string signature;       // hex, over receipt_statement()
  std::string certificate;     // PEM: of the coordinator that signed it
  bool operator==(const Receipt&) const = default;
};

// What is signed: seven lines, of which the first is in no other text that a coordinator signs.
std::string receipt_statement(const Receipt& receipt);

// One JSON object, as sites store it.
std::string to_json(const Receipt& receipt);
// Error: not a receipt. Foreign text: its signature is not checked here.
Result<Receipt> receipt_from_json(std::string_view text);

// Empty when the text is not an even number of 0-9 a-f.
Bytes bytes_of_hex(std::string_view hex);

}  // namespace weft::wire
