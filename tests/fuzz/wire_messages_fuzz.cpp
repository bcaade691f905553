// Foreign bytes as a message: a named fault, or a message that reads back as itself.
#include <cstdlib>

#include "common/wire/messages.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace weft::wire;
  const auto message = decode({data, size});
  if (!message) {
    if (message.error().message.empty()) std::abort();
    return 0;
  }
  const weft::Bytes bytes = encode(message.value());
  const auto again = decode(bytes);
  if (!again || encode(again.value()) != bytes) std::abort();
  return 0;
}
