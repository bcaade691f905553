// Cryptographic random bytes, for keys, serial numbers and nonces. Training uses common/base/rng.h instead.
#pragma once
#include <cstddef>

#include "common/base/bytes.h"

namespace weft::crypto {

// From the operating system's generator, by OpenSSL. Throws Failure when it has none to give. Any thread.
Bytes random_bytes(std::size_t count);

}  // namespace weft::crypto
