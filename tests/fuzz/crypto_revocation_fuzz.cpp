// Foreign bytes as a CA's list of revoked certificates, in PEM as its file holds it or in DER: an error, or entries
// that can be said. No mutant is signed by a CA, so what parses is signed anew and must be read whole.
#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/x509.h>

#include <algorithm>
#include <array>
#include <memory>

#include "common/crypto/revocation.h"
#include "tests/fuzz/base_fuzz_bytes.h"

namespace {

using namespace weft;
using namespace weft::crypto;

// Of the key below.
const std::string kCa =
    "-----BEGIN CERTIFICATE-----\n"
    "MIIBJzCB2qADAgECAgEBMAUGAytlcDASMRAwDgYDVQQDDAdXZWZ0IENBMCAXDTI2\n"
    "MTEyNzAyNDgwM1oYDzIxMjYxMTAzMDI0ODAzWjASMRAwDgYDVQQDDAdXZWZ0IENB\n"
    "MCowBQYDK2VwAyEA6kpsY+KcUgq+9VB7Ey7F+ZVHdq6+vnuSQh7qaRRG0iyjUzBR\n"
    "MB0GA1UdDgQWBBRMXs5AI6A0HuKs/8xNFxVKhU8C5TAfBgNVHSMEGDAWgBRMXs5A\n"
    "I6A0HuKs/8xNFxVKhU8C5TAPBgNVHRMBAf8EBTADAQH/MAUGAytlcANBAF/Ro451\n"
    "4loDfgvc/lKbB/cryH7w7XSNOysELmH2ZZADmfQLporB3ujZIRxlDIUZnVsqvUVb\n"
    "pShDBtMahJlv0gE=\n"
    "-----END CERTIFICATE-----\n";

struct Deleter {
  void operator()(EVP_PKEY* key) const { EVP_PKEY_free(key); }
  void operator()(X509_CRL* list) const { X509_CRL_free(list); }
  void operator()(BIO* bio) const { BIO_free_all(bio); }
};
using Key = std::unique_ptr<EVP_PKEY, Deleter>;
using List = std::unique_ptr<X509_CRL, Deleter>;
using Bio = std::unique_ptr<BIO, Deleter>;

EVP_PKEY* ca_key() {
  static const Key key = [] {
    std::array<unsigned char, 32> secret{};
    secret.fill(7);
    return Key(EVP_PKEY_new_raw_private_key(EVP_PKEY_ED25519, nullptr, secret.data(), secret.size()));
  }();
  return key.get();
}

int no_pass_phrase(char*, int, int, void*) { return -1; }

List list_of(const std::string& text, bool pem) {
  if (pem) {
    const Bio bio(BIO_new_mem_buf(text.data(), static_cast<int>(text.size())));
    return List(PEM_read_bio_X509_CRL(bio.get(), nullptr, no_pass_phrase, nullptr));
  }
  const auto* at = reinterpret_cast<const unsigned char*>(text.data());
  return List(d2i_X509_CRL(nullptr, &at, static_cast<long>(text.size())));
}

std::string pem_of(X509_CRL* list) {
  const Bio bio(BIO_new(BIO_s_mem()));
  require(PEM_write_bio_X509_CRL(bio.get(), list) == 1);
  char* data = nullptr;
  const long size = BIO_get_mem_data(bio.get(), &data);
  return {data, static_cast<std::size_t>(size)};
}

void check(const std::vector<Revocation>& revocations) {
  for (const Revocation& each : revocations) {
    require(!format_utc(each.when).empty());
    CertificateFacts facts;
    facts.serial = each.serial;
    require(holds(revocations, facts));
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string text(reinterpret_cast<const char*>(data), size);
  const bool pem = size > 0 && data[0] == '-';
  if (pem) {
    const auto read = revocations_of_pem(text, kCa);
    require(static_cast<bool>(read) || !read.error().message.empty());
    require(ERR_peek_error() == 0);  // else a TLS session of this thread would take it for its own
    if (read) check(read.value());
  }
  const List list = list_of(text, pem);
  const bool is_signed = list != nullptr && X509_CRL_sign(list.get(), ca_key(), nullptr) > 0;
  ERR_clear_error();
  if (!is_signed) return 0;
  const int entries = sk_X509_REVOKED_num(X509_CRL_get_REVOKED(list.get()));
  const auto read = revocations_of_pem(pem_of(list.get()), kCa);
  require(ERR_peek_error() == 0);
  require(static_cast<bool>(read) && read.value().size() == static_cast<std::size_t>(std::max(entries, 0)));
  check(read.value());
  return 0;
}
