#include "common/crypto/signature.h"

#include <openssl/evp.h>
#include <openssl/x509.h>

#include "common/crypto/openssl_handles.h"

namespace weft::crypto {
namespace {

struct ContextDeleter {
  void operator()(EVP_MD_CTX* context) const { EVP_MD_CTX_free(context); }
};
using Context = std::unique_ptr<EVP_MD_CTX, ContextDeleter>;

// Ed25519 hashes by itself.
const EVP_MD* hash_for(const EVP_PKEY* key) {
  return EVP_PKEY_get_base_id(key) == EVP_PKEY_ED25519 ? nullptr : EVP_sha256();
}

bool can_sign(const std::string& key_type) {
  return key_type == name_of(KeyType::ed25519) || key_type == name_of(KeyType::p256);
}

}  // namespace

Signer::Signer(const CredentialFiles& files) : key_(load_key(files.key)) {
  const X509Handle certificate = load_certificate(files.certificate);
  const CertificateFacts facts = read_certificate(files.certificate);
  const bool fits = X509_check_private_key(certificate.get(), key_.get()) == 1;
  if (!fits) take_openssl_error();
  if (!fits || !can_sign(facts.key_type))
    throw ConfigError("private key " + files.key.string() + ": " +
                      (fits ? "its kind is " + facts.key_type + ", expected ed25519 or p256"
                            : "not of certificate " + files.certificate.string()) +
                      "; use both files of one `weft pki issue`");
  certificate_ = pem_of(certificate.get());
  fingerprint_ = facts.fingerprint;
}

Bytes Signer::sign(ByteSpan message) const {
  const Context context(EVP_MD_CTX_new());
  std::size_t size = 0;
  require(context != nullptr &&
              EVP_DigestSignInit(context.get(), nullptr, hash_for(key_.get()), nullptr, key_.get()) == 1 &&
              EVP_DigestSign(context.get(), nullptr, &size, message.data(), message.size()) == 1,
          "prepare a signature");
  Bytes signature(size);
  require(EVP_DigestSign(context.get(), signature.data(), &size, message.data(), message.size()) == 1, "sign");
  signature.resize(size);
  return signature;
}

Status verify_signature(const std::string& certificate, ByteSpan message, ByteSpan signature) {
  const Result<CertificateFacts> facts = facts_of_pem(certificate);
  if (!facts) return facts.error();
  const std::string by = "of \"" + facts.value().name + "\" (" + facts.value().fingerprint.substr(0, 12) + ")";
  if (!can_sign(facts.value().key_type))
    return Error{"certificate " + by + ": its key is " + facts.value().key_type + ", expected ed25519 or p256"};
  const X509Handle parsed = certificate_of_pem(certificate);
  EVP_PKEY* key = X509_get0_pubkey(parsed.get());
  const Context context(EVP_MD_CTX_new());
  require(context != nullptr && EVP_DigestVerifyInit(context.get(), nullptr, hash_for(key), nullptr, key) == 1,
          "prepare to verify a signature");
  const bool good =
      EVP_DigestVerify(context.get(), signature.data(), signature.size(), message.data(), message.size()) == 1;
  take_openssl_error();
  if (!good)
    return Error{"signature of " + std::to_string(signature.size()) + " bytes: not one of these words by the key " +
                 by};
  return Ok{};
}

}  // namespace weft::crypto
