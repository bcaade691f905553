#include "common/crypto/random.h"

#include <openssl/rand.h>

#include <algorithm>

#include "common/base/result.h"
#include "common/crypto/openssl_handles.h"

namespace weft::crypto {

Bytes random_bytes(std::size_t count) {
  Bytes bytes(count);
  constexpr std::size_t kStep = 1 << 20;  // RAND_bytes counts in int
  for (std::size_t done = 0; done < count; done += kStep)
    require(RAND_bytes(bytes.data() + done, static_cast<int>(std::min(kStep, count - done))) == 1,
            "draw random bytes from the operating system");
  return bytes;
}

}  // namespace weft::crypto
