// A small X.509 PKI: one CA per federation, one certificate per site and one for the coordinator.
// A certificate's name is its owner's identity: CN and a DNS entry of its subjectAltName hold it. Its role is its
// extended key usage: serverAuth (and clientAuth) for the coordinator, clientAuth alone for a site, so a site's
// certificate can never stand for the coordinator. Profile: RFC 5280, version 3, signatures Ed25519 or ECDSA P-256.
// All functions may be called from any thread. Paths and remedies are in every ConfigError.
#pragma once
#include <chrono>
#include <filesystem>
#include <optional>
#include <string>
#include <vector>

#include "common/base/bytes.h"
#include "common/base/result.h"
#include "common/crypto/random.h"

namespace weft::crypto {

using WallTime = std::chrono::system_clock::time_point;

enum class Role { site, coordinator };
enum class KeyType { ed25519, p256 };
const char* name_of(Role role);
const char* name_of(KeyType type);

// What a peer needs to open a channel.
struct CredentialFiles {
  std::filesystem::path ca;           // ca.crt
  std::filesystem::path certificate;  // NAME.crt
  std::filesystem::path key;          // NAME.key, mode 0600
};
// folder/ca.crt, folder/NAME.crt and folder/NAME.key.
CredentialFiles credential_files(const std::filesystem::path& folder, const std::string& name);

struct CaOptions {
  std::string name = "Weft CA";  // subject CN
  KeyType key_type = KeyType::ed25519;
  int valid_days = 3650;
  std::optional<WallTime> issued_at = {};  // default: now
};
// Makes folder/ca.crt and folder/ca.key (0600), and the folder. ConfigError when either exists: a CA is never
// overwritten.
void init_ca(const std::filesystem::path& folder, const CaOptions& options = {});

struct IssueOptions {
  std::string name;  // valid_site_name; "ca" is reserved
  Role role = Role::site;
  KeyType key_type = KeyType::ed25519;
  int valid_days = 825;                       // never beyond the CA's own end
  std::vector<std::string> extra_hosts = {};  // more subjectAltName entries: DNS names or IP addresses
  std::optional<WallTime> issued_at = {};     // default: now
};
// Makes folder/NAME.crt and folder/NAME.key (0600) with the CA in `folder`. ConfigError: no CA there, CA expired,
// a bad name or host, or a file of that name exists.
CredentialFiles issue(const std::filesystem::path& folder, const IssueOptions& options);

struct CertificateFacts {
  std::string name;                // subject CN
  std::vector<std::string> hosts;  // subjectAltName: DNS names and IP addresses
  bool is_ca = false;
  bool server_auth = false;
  bool client_auth = false;
  std::optional<Role> role;  // empty for a CA or a certificate of neither kind
  std::string key_type;      // "ed25519", "p256" or OpenSSL's name of another
  WallTime not_before, not_after;
  std::string issuer;       // issuer CN
  std::string serial;       // hex
  std::string fingerprint;  // SHA-256 of the DER form, hex
};
// Never trusts the bytes; an Error says what is malformed.
Result<CertificateFacts> facts_of_der(ByteSpan certificate);
Result<CertificateFacts> facts_of_pem(const std::string& certificate);
std::string pem_of_der(ByteSpan certificate);  // of one that facts_of_der() has found well-formed
// ConfigError when the file is missing or not a PEM certificate.
CertificateFacts read_certificate(const std::filesystem::path& certificate);

// Everything that can be wrong with a peer's own files, found before a socket is opened. ConfigError names the file
// and the remedy: missing, malformed, expired, not yet valid, signed by another CA, of the wrong role, key of another
// certificate, revoked (see revocation.h), key readable by others.
CertificateFacts check_credentials(const CredentialFiles& files, Role role,
                                   WallTime now = std::chrono::system_clock::now());

// What `openssl verify -CAfile ca certificate` answers, with the purpose of `role`: Error holds the reason.
Status verify_certificate(const std::filesystem::path& ca, const std::filesystem::path& certificate, Role role,
                          WallTime now = std::chrono::system_clock::now());
// Whether the CA, or another one in that file, issued this PEM certificate for that role, whatever the day: it is
// judged in its own last second.
Status verify_issued(const std::filesystem::path& ca, const std::string& certificate, Role role);

// "2031-05-04 12:00:00 UTC"
std::string format_utc(WallTime time);

}  // namespace weft::crypto
