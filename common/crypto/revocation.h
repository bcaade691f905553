// The CA's list of certificates that no longer count, as a CRL (RFC 5280, section 5) that the CA's key signs: ca.crl,
// beside ca.crt. Where there is no such file, no certificate is revoked. The list is valid for as long as the CA is, so
// that a federation does not stand still when nobody renews it; whoever revokes hands the new list to all who verify.
// All functions may be called from any thread.
#pragma once
#include <filesystem>
#include <string>
#include <vector>

#include "common/crypto/pki.h"

namespace weft::crypto {

struct Revocation {
  std::string serial;  // as CertificateFacts::serial
  WallTime when;
};

// ca.crl, in the folder of `ca` (a ca.crt).
std::filesystem::path revocation_list_of(const std::filesystem::path& ca);

// In the order in which they were revoked; none where there is no list. ConfigError when the list is malformed or not
// signed by this CA.
std::vector<Revocation> read_revocations(const std::filesystem::path& ca);
// The same of what the two files hold. Never trusts the list; an Error says what is wrong with it.
Result<std::vector<Revocation>> revocations_of_pem(const std::string& list, const std::string& ca);
bool holds(const std::vector<Revocation>& revocations, const CertificateFacts& certificate);

// Adds folder/NAME.crt to folder/ca.crl. ConfigError: no CA there, no such certificate, of another CA, revoked already.
CertificateFacts revoke(const std::filesystem::path& folder, const std::string& name);

}  // namespace weft::crypto
