// Foreign bytes as a finished update whose own digest fits: an error or a round trip.
#include <cstdlib>

#include "common/base/digest.h"
#include "worker/spool.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  weft::Bytes file(data, data + size);
  const std::string digest = weft::sha256_hex(file);
  for (const char c : digest) file.push_back(static_cast<std::uint8_t>(c));
  const auto update = weft::worker::decode_update(file);
  if (!update) return 0;
  const auto again = weft::worker::decode_update(weft::worker::encode_update(update.value()));
  if (!again || *again.value().payload != *update.value().payload) std::abort();
  return 0;
}
