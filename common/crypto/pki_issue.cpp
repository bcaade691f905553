// Makes the CA and issues certificates.
#include <arpa/inet.h>
#include <openssl/bn.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/x509v3.h>

#include <algorithm>
#include <cctype>

#include "common/base/file.h"
#include "common/base/ids.h"
#include "common/crypto/openssl_handles.h"
#include "common/crypto/pki.h"

namespace weft::crypto {
namespace {

constexpr std::chrono::hours kClockSkew{1};  // certificates are valid from a little before they are made
constexpr int kMaxValidDays = 36'500;

struct Pair {
  X509Handle certificate;
  KeyHandle key;
};

KeyHandle make_key(KeyType type) {
  EVP_PKEY* key = type == KeyType::ed25519 ? EVP_PKEY_Q_keygen(nullptr, nullptr, "ED25519")
                                           : EVP_PKEY_Q_keygen(nullptr, nullptr, "EC", "P-256");
  require(key != nullptr, "make a key");
  return KeyHandle(key);
}

void add_extension(X509* certificate, X509* issuer, int nid, const std::string& value) {
  X509V3_CTX context;
  X509V3_set_ctx(&context, issuer, certificate, nullptr, nullptr, 0);
  X509_EXTENSION* extension = X509V3_EXT_conf_nid(nullptr, &context, nid, value.c_str());
  require(extension != nullptr, "make a certificate extension");
  const bool added = X509_add_ext(certificate, extension, -1) == 1;
  X509_EXTENSION_free(extension);
  require(added, "add a certificate extension");
}

void set_serial(X509* certificate) {
  Bytes bytes = random_bytes(16);
  bytes[0] = static_cast<std::uint8_t>((bytes[0] & 0x3fU) | 0x40U);  // positive and never shorter
  BIGNUM* number = BN_bin2bn(bytes.data(), static_cast<int>(bytes.size()), nullptr);
  const bool set = number != nullptr && BN_to_ASN1_INTEGER(number, X509_get_serialNumber(certificate)) != nullptr;
  BN_free(number);
  require(set, "set a serial number");
}

struct Validity {
  WallTime from, to;
};

Validity validity_of(int days, std::optional<WallTime> issued_at) {
  if (days < 1 || days > kMaxValidDays)
    throw ConfigError("certificate validity: got " + std::to_string(days) + " days, expected 1 to " +
                      std::to_string(kMaxValidDays));
  const WallTime now = issued_at.value_or(std::chrono::system_clock::now());
  return {now - kClockSkew, now + std::chrono::hours(24) * days};
}

// Version, serial, subject, issuer, validity and public key; extensions follow.
X509Handle make_certificate(const std::string& name, EVP_PKEY* key, X509* issuer, Validity validity) {
  X509Handle certificate(X509_new());
  require(certificate != nullptr && X509_set_version(certificate.get(), X509_VERSION_3) == 1, "make a certificate");
  set_serial(certificate.get());
  X509_NAME* subject = X509_get_subject_name(certificate.get());
  const auto* text = reinterpret_cast<const unsigned char*>(name.data());
  require(X509_NAME_add_entry_by_NID(subject, NID_commonName, MBSTRING_UTF8, text, static_cast<int>(name.size()), -1,
                                     0) == 1,
          "set a certificate's name");
  X509_NAME* issuer_name = issuer == nullptr ? subject : X509_get_subject_name(issuer);
  require(X509_set_issuer_name(certificate.get(), issuer_name) == 1, "set an issuer");
  require(X509_set_pubkey(certificate.get(), key) == 1, "set a public key");
  require(ASN1_TIME_set(X509_getm_notBefore(certificate.get()), std::chrono::system_clock::to_time_t(validity.from)) !=
                  nullptr &&
              ASN1_TIME_set(X509_getm_notAfter(certificate.get()), std::chrono::system_clock::to_time_t(validity.to)) !=
                  nullptr,
          "set a validity");
  return certificate;
}

void sign(X509* certificate, EVP_PKEY* key) {
  const bool own_digest = EVP_PKEY_get_base_id(key) == EVP_PKEY_ED25519;  // RFC 8410: no separate digest
  require(X509_sign(certificate, key, own_digest ? nullptr : EVP_sha256()) > 0, "sign a certificate");
}

void refuse_existing(const std::filesystem::path& file, const std::string& remedy) {
  std::error_code error;
  if (std::filesystem::exists(std::filesystem::symlink_status(file, error)))
    throw ConfigError(file.string() + " exists and is never overwritten; " + remedy);
}

Bytes drain(BIO* bio) {
  char* data = nullptr;
  const long size = BIO_get_mem_data(bio, &data);
  return Bytes(data, data + size);
}

void save(const std::filesystem::path& certificate_file, const std::filesystem::path& key_file, const Pair& pair) {
  const BioHandle key(BIO_new(BIO_s_secmem())), certificate(BIO_new(BIO_s_mem()));
  require(PEM_write_bio_PKCS8PrivateKey(key.get(), pair.key.get(), nullptr, nullptr, 0, nullptr, nullptr) == 1,
          "write a private key");
  require(PEM_write_bio_X509(certificate.get(), pair.certificate.get()) == 1, "write a certificate");
  Bytes secret = drain(key.get());
  const Status key_saved = write_atomic(key_file, secret, 0600);
  OPENSSL_cleanse(secret.data(), secret.size());
  if (!key_saved) throw Failure(key_saved.error().message);
  const Status saved = write_atomic(certificate_file, drain(certificate.get()));
  if (saved) return;
  std::error_code ignored;  // a key without certificate would block the next try
  std::filesystem::remove(key_file, ignored);
  throw Failure(saved.error().message);
}

std::string host_entry(const std::string& host) {
  unsigned char address[16];
  if (::inet_pton(AF_INET, host.c_str(), address) == 1 || ::inet_pton(AF_INET6, host.c_str(), address) == 1)
    return std::string("IP:").append(host);
  const bool valid = !host.empty() && host.size() <= 253 && std::all_of(host.begin(), host.end(), [](char c) {
    return std::isalnum(static_cast<unsigned char>(c)) != 0 || c == '-' || c == '.' || c == '_';
  });
  if (!valid) throw ConfigError("host \"" + host + "\": expected a DNS name or an IP address");
  return std::string("DNS:").append(host);
}

std::string alternative_names(const IssueOptions& options) {
  std::string names = std::string("DNS:").append(options.name);
  for (const std::string& host : options.extra_hosts)
    if (host != options.name) names.append(",").append(host_entry(host));
  return names;
}

void check_name(const std::string& name) {
  if (!valid_site_name(name))
    throw ConfigError("certificate name \"" + name +
                      "\": expected 1 to 64 letters, digits, '-', '_' or '.', not starting with '.'");
  if (name == "ca") throw ConfigError("certificate name \"ca\": reserved for the CA itself; choose another name");
}

Pair load_ca(const std::filesystem::path& folder) {
  if (!std::filesystem::exists(folder / "ca.crt") || !std::filesystem::exists(folder / "ca.key"))
    throw ConfigError("no CA in " + folder.string() + ": expected ca.crt and ca.key there; run `weft pki init` first");
  Pair ca{load_certificate(folder / "ca.crt"), load_key(folder / "ca.key")};
  if (X509_check_private_key(ca.certificate.get(), ca.key.get()) != 1) {
    take_openssl_error();
    throw ConfigError((folder / "ca.key").string() + " is not the key of " + (folder / "ca.crt").string() +
                      "; restore the pair from the same backup");
  }
  return ca;
}

}  // namespace

void init_ca(const std::filesystem::path& folder, const CaOptions& options) {
  for (const char* file : {"ca.crt", "ca.key"})
    refuse_existing(folder / file, "use that CA, or choose another folder for a new one");
  if (options.name.empty() || options.name.size() > 64)
    throw ConfigError("CA name \"" + options.name + "\": expected 1 to 64 characters");
  const Validity validity = validity_of(options.valid_days, options.issued_at);
  make_folder(folder);
  KeyHandle key = make_key(options.key_type);
  X509Handle certificate = make_certificate(options.name, key.get(), nullptr, validity);
  X509* ca = certificate.get();
  add_extension(ca, ca, NID_basic_constraints, "critical,CA:TRUE,pathlen:0");
  add_extension(ca, ca, NID_key_usage, "critical,keyCertSign,cRLSign");
  add_extension(ca, ca, NID_subject_key_identifier, "hash");
  add_extension(ca, ca, NID_authority_key_identifier, "keyid:always");
  sign(ca, key.get());
  save(folder / "ca.crt", folder / "ca.key", {std::move(certificate), std::move(key)});
}

CredentialFiles issue(const std::filesystem::path& folder, const IssueOptions& options) {
  check_name(options.name);
  const std::string names = alternative_names(options);
  Validity validity = validity_of(options.valid_days, options.issued_at);
  const Pair ca = load_ca(folder);
  const CertificateFacts ca_facts = read_certificate(folder / "ca.crt");
  if (ca_facts.not_after <= validity.from + kClockSkew)
    throw ConfigError((folder / "ca.crt").string() + ": the CA expired on " + format_utc(ca_facts.not_after) +
                      "; make a new one with `weft pki init` in another folder and issue all certificates anew");
  validity = {std::max(validity.from, ca_facts.not_before), std::min(validity.to, ca_facts.not_after)};
  const CredentialFiles files = credential_files(folder, options.name);
  for (const auto& file : {files.certificate, files.key})
    refuse_existing(file, "choose another name, or move the old files away to replace them");

  KeyHandle key = make_key(options.key_type);
  X509Handle certificate = make_certificate(options.name, key.get(), ca.certificate.get(), validity);
  X509 *leaf = certificate.get(), *issuer = ca.certificate.get();
  add_extension(leaf, issuer, NID_basic_constraints, "critical,CA:FALSE");
  add_extension(leaf, issuer, NID_key_usage, "critical,digitalSignature");
  add_extension(leaf, issuer, NID_ext_key_usage, options.role == Role::site ? "clientAuth" : "serverAuth,clientAuth");
  add_extension(leaf, issuer, NID_subject_key_identifier, "hash");
  add_extension(leaf, issuer, NID_authority_key_identifier, "keyid:always");
  add_extension(leaf, issuer, NID_subject_alt_name, names);
  sign(leaf, ca.key.get());
  save(files.certificate, files.key, {std::move(certificate), std::move(key)});
  return files;
}

CredentialFiles credential_files(const std::filesystem::path& folder, const std::string& name) {
  return {folder / "ca.crt", folder / (name + ".crt"), folder / (name + ".key")};
}

const char* name_of(Role role) { return role == Role::site ? "site" : "coordinator"; }
const char* name_of(KeyType type) { return type == KeyType::ed25519 ? "ed25519" : "p256"; }

}  // namespace weft::crypto
