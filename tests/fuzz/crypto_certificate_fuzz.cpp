// Foreign bytes as a certificate, in DER as a peer shows it or in PEM as a file holds it: an error, or facts that hold.
#include <sys/mman.h>
#include <unistd.h>

#include <cstdlib>

#include "common/base/ids.h"
#include "common/crypto/pki.h"
#include "tests/fuzz/base_fuzz_bytes.h"

namespace {

using namespace weft;

void check(const crypto::CertificateFacts& facts) {
  require(facts.name.find('\0') == std::string::npos);
  require(facts.fingerprint.size() == 64);
  require(!(facts.is_ca && facts.role));
  require(!(facts.role == crypto::Role::site && facts.server_auth));
  (void)crypto::format_utc(facts.not_after);
  (void)valid_site_name(facts.name);
}

// A file without a disk.
void read_as_file(ByteSpan bytes) {
  static const int file = ::memfd_create("weft_certificate", 0);
  require(file >= 0 && ::ftruncate(file, 0) == 0);
  require(::pwrite(file, bytes.data(), bytes.size(), 0) == static_cast<ssize_t>(bytes.size()));
  try {
    check(crypto::read_certificate("/proc/self/fd/" + std::to_string(file)));
  } catch (const ConfigError& error) {
    require(*error.what() != 0);
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size > 0 && data[0] == '-') {
    read_as_file({data, size});
    return 0;
  }
  const auto facts = crypto::facts_of_der({data, size});
  if (!facts) require(!facts.error().message.empty());
  if (facts) check(facts.value());
  return 0;
}
