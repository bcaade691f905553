// Signatures of bytes with the key of a certificate: what a coordinator said stays provable when its session is long
// over. Ed25519 (RFC 8032), or ECDSA on P-256 with SHA-256 in DER form (FIPS 186-5): the keys that `weft pki issue`
// makes. Whoever signs puts a text before the bytes that no other use of the key has.
#pragma once
#include <memory>
#include <string>

#include "common/base/bytes.h"
#include "common/base/result.h"
#include "common/crypto/pki.h"

struct evp_pkey_st;

namespace weft::crypto {

// A key and its certificate; copies share the key. Const methods from any thread.
class Signer {
 public:
  // ConfigError: a file is missing or malformed, the key is of another certificate, or of another kind.
  explicit Signer(const CredentialFiles& files);
  Bytes sign(ByteSpan message) const;                              // 64 bytes for Ed25519, at most 72 for P-256
  const std::string& certificate() const { return certificate_; }  // PEM
  const std::string& fingerprint() const { return fingerprint_; }  // CertificateFacts::fingerprint

 private:
  std::shared_ptr<evp_pkey_st> key_;
  std::string certificate_, fingerprint_;
};

// Error when `signature` is not one of `message` by the key in the PEM certificate. Says nothing of whether that
// certificate is to be trusted. Foreign bytes everywhere.
Status verify_signature(const std::string& certificate, ByteSpan message, ByteSpan signature);

}  // namespace weft::crypto
