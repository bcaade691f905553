#include "common/crypto/openssl_handles.h"

#include <openssl/asn1.h>
#include <openssl/bn.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/x509.h>
#include <sys/stat.h>

#include <algorithm>
#include <cstdio>
#include <ctime>

#include "common/base/file.h"
#include "common/base/result.h"

namespace weft::crypto {
namespace {

constexpr std::size_t kMaxPemBytes = 1 << 20;

BioHandle bio_of(const std::string& pem) {
  BioHandle bio(BIO_new(BIO_s_mem()));
  const auto size = static_cast<int>(pem.size());
  require(bio != nullptr && BIO_write(bio.get(), pem.data(), size) == size, "hold a file in memory");
  return bio;
}

BioHandle read_file(const std::filesystem::path& file, const std::string& what) {
  Result<std::string> text = read_text(file);
  if (!text)
    throw ConfigError(what + ": " + text.error().message +
                      "; correct the path, or make it: ca.crt and ca.key with `weft pki init`, those of a name with "
                      "`weft pki issue`");
  return bio_of(text.value());
}

void require_private(const std::filesystem::path& file) {
  struct stat info {};
  if (::stat(file.c_str(), &info) != 0 || (info.st_mode & 077U) == 0) return;
  char mode[8];
  std::snprintf(mode, sizeof mode, "%04o", static_cast<unsigned>(info.st_mode & 07777U));
  throw ConfigError("private key " + file.string() + ": mode is " + mode +
                    ", so others on this machine can get at it, expected 0600; run: chmod 600 '" + file.string() + "'");
}

}  // namespace

void HandleDeleter::operator()(x509_st* certificate) const { X509_free(certificate); }
void HandleDeleter::operator()(evp_pkey_st* key) const { EVP_PKEY_free(key); }
void HandleDeleter::operator()(bio_st* bio) const { BIO_free_all(bio); }

std::string take_openssl_error() {
  const unsigned long code = ERR_get_error();
  ERR_clear_error();
  const char* reason = code == 0 ? nullptr : ERR_reason_error_string(code);
  return reason == nullptr ? "no reason given" : reason;
}

void require(bool done, const char* doing) {
  if (!done) throw Failure(std::string("cannot ") + doing + ": " + take_openssl_error());
}

int no_pass_phrase(char*, int, int, void*) { return -1; }

std::chrono::system_clock::time_point time_of(const ASN1_TIME* time) {
  using std::chrono::seconds;
  using Clock = std::chrono::system_clock;
  std::tm parts{};
  if (time == nullptr || ASN1_TIME_to_tm(time, &parts) != 1) return {};
  const auto limit = [](Clock::duration end) { return std::chrono::duration_cast<seconds>(end); };
  return Clock::time_point(
      std::clamp(seconds(::timegm(&parts)), limit(Clock::duration::min()), limit(Clock::duration::max())));
}

std::string hex_of(const ASN1_INTEGER* integer) {
  BIGNUM* number = ASN1_INTEGER_to_BN(integer, nullptr);
  char* hex = number == nullptr ? nullptr : BN_bn2hex(number);
  std::string text = hex == nullptr ? "" : hex;
  OPENSSL_free(hex);
  BN_free(number);
  return text;
}

X509Handle certificate_of_pem(const std::string& pem) {
  if (pem.empty() || pem.size() > kMaxPemBytes) return nullptr;
  X509Handle certificate(PEM_read_bio_X509(bio_of(pem).get(), nullptr, no_pass_phrase, nullptr));
  take_openssl_error();
  return certificate;
}

std::string pem_of(X509* certificate) {
  const BioHandle bio(BIO_new(BIO_s_mem()));
  require(bio != nullptr && PEM_write_bio_X509(bio.get(), certificate) == 1, "write a certificate");
  char* text = nullptr;
  const long size = BIO_get_mem_data(bio.get(), &text);
  return {text, static_cast<std::size_t>(size)};
}

X509Handle load_certificate(const std::filesystem::path& file) { return std::move(load_certificates(file).front()); }

std::vector<X509Handle> load_certificates(const std::filesystem::path& file) {
  const BioHandle bio = read_file(file, "certificate");
  std::vector<X509Handle> certificates;
  while (X509Handle certificate{PEM_read_bio_X509(bio.get(), nullptr, no_pass_phrase, nullptr)})
    certificates.push_back(std::move(certificate));
  const std::string end = take_openssl_error();  // there is no other one
  if (certificates.empty())
    throw ConfigError("certificate " + file.string() + ": not a PEM certificate (" + end +
                      "); copy it again or issue a new one");
  return certificates;
}

KeyHandle load_key(const std::filesystem::path& file) {
  require_private(file);
  const BioHandle bio = read_file(file, "private key");
  KeyHandle key(PEM_read_bio_PrivateKey(bio.get(), nullptr, no_pass_phrase, nullptr));
  if (key == nullptr)
    throw ConfigError("private key " + file.string() + ": not an unencrypted PEM private key (" + take_openssl_error() +
                      "); copy it again or issue a new one");
  return key;
}

}  // namespace weft::crypto
