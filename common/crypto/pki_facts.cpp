// What a certificate says, read without trusting it.
#include <arpa/inet.h>
#include <openssl/evp.h>
#include <openssl/x509v3.h>

#include <cstring>
#include <ctime>

#include "common/base/digest.h"
#include "common/crypto/openssl_handles.h"
#include "common/crypto/pki.h"

namespace weft::crypto {
namespace {

// Empty unless there is exactly one CN; a NUL inside makes it empty as well.
std::string common_name(const X509_NAME* name) {
  const int at = X509_NAME_get_index_by_NID(name, NID_commonName, -1);
  if (at < 0 || X509_NAME_get_index_by_NID(name, NID_commonName, at) >= 0) return {};
  unsigned char* utf8 = nullptr;
  const int size = ASN1_STRING_to_UTF8(&utf8, X509_NAME_ENTRY_get_data(X509_NAME_get_entry(name, at)));
  if (size < 0) return {};
  std::string text(reinterpret_cast<const char*>(utf8), static_cast<std::size_t>(size));
  OPENSSL_free(utf8);
  return text.find('\0') == std::string::npos ? text : std::string();
}

std::string address_text(const ASN1_STRING* address) {
  const int size = ASN1_STRING_length(address);
  char text[INET6_ADDRSTRLEN] = "";
  if (size == 4) ::inet_ntop(AF_INET, ASN1_STRING_get0_data(address), text, sizeof text);
  if (size == 16) ::inet_ntop(AF_INET6, ASN1_STRING_get0_data(address), text, sizeof text);
  return text;
}

std::vector<std::string> hosts_of(const X509* certificate) {
  std::vector<std::string> hosts;
  auto* names = static_cast<GENERAL_NAMES*>(X509_get_ext_d2i(certificate, NID_subject_alt_name, nullptr, nullptr));
  for (int i = 0; i < sk_GENERAL_NAME_num(names); ++i) {
    const GENERAL_NAME* name = sk_GENERAL_NAME_value(names, i);
    if (name->type == GEN_IPADD) hosts.push_back(address_text(name->d.iPAddress));
    if (name->type != GEN_DNS) continue;
    const auto* data = reinterpret_cast<const char*>(ASN1_STRING_get0_data(name->d.dNSName));
    hosts.emplace_back(data, static_cast<std::size_t>(ASN1_STRING_length(name->d.dNSName)));
  }
  GENERAL_NAMES_free(names);
  return hosts;
}

std::string key_type_of(const X509* certificate) {
  const EVP_PKEY* key = X509_get0_pubkey(certificate);
  if (key == nullptr) return "unknown";
  if (EVP_PKEY_get_base_id(key) == EVP_PKEY_ED25519) return name_of(KeyType::ed25519);
  char group[64] = "";
  if (EVP_PKEY_get_group_name(key, group, sizeof group, nullptr) == 1 && std::strcmp(group, "prime256v1") == 0)
    return name_of(KeyType::p256);
  const char* name = EVP_PKEY_get0_type_name(key);
  return name == nullptr ? "unknown" : name;
}

CertificateFacts facts_of(X509* certificate, ByteSpan der) {
  CertificateFacts facts;
  facts.name = common_name(X509_get_subject_name(certificate));
  facts.hosts = hosts_of(certificate);
  facts.is_ca = X509_check_ca(certificate) == 1;
  const bool has_usage = (X509_get_extension_flags(certificate) & EXFLAG_XKUSAGE) != 0;
  const std::uint32_t usage = has_usage ? X509_get_extended_key_usage(certificate) : 0;
  facts.server_auth = (usage & XKU_SSL_SERVER) != 0;
  facts.client_auth = (usage & XKU_SSL_CLIENT) != 0;
  if (!facts.is_ca && facts.server_auth) facts.role = Role::coordinator;
  if (!facts.is_ca && !facts.server_auth && facts.client_auth) facts.role = Role::site;
  facts.key_type = key_type_of(certificate);
  facts.not_before = time_of(X509_get0_notBefore(certificate));
  facts.not_after = time_of(X509_get0_notAfter(certificate));
  facts.issuer = common_name(X509_get_issuer_name(certificate));
  facts.serial = hex_of(X509_get0_serialNumber(certificate));
  facts.fingerprint = sha256_hex(der);
  take_openssl_error();  // of extensions that are malformed
  return facts;
}

CertificateFacts facts_of(X509* certificate) {
  unsigned char* der = nullptr;
  const int size = i2d_X509(certificate, &der);
  require(size > 0, "encode a certificate");
  const CertificateFacts facts = facts_of(certificate, {der, static_cast<std::size_t>(size)});
  OPENSSL_free(der);
  return facts;
}

}  // namespace

Result<CertificateFacts> facts_of_der(ByteSpan certificate) {
  if (certificate.size() > (1 << 20)) return Error{"certificate: larger than 1 MiB"};
  const unsigned char* at = certificate.data();
  const X509Handle parsed(d2i_X509(nullptr, &at, static_cast<long>(certificate.size())));
  if (parsed == nullptr) return Error{"certificate: malformed DER (" + take_openssl_error() + ")"};
  if (at != certificate.data() + certificate.size()) return Error{"certificate: bytes follow its end"};
  return facts_of(parsed.get(), certificate);
}

Result<CertificateFacts> facts_of_pem(const std::string& certificate) {
  const X509Handle parsed = certificate_of_pem(certificate);
  if (parsed == nullptr) return Error{"certificate: not a PEM certificate"};
  return facts_of(parsed.get());
}

std::string pem_of_der(ByteSpan certificate) {
  const unsigned char* at = certificate.data();
  const X509Handle parsed(d2i_X509(nullptr, &at, static_cast<long>(certificate.size())));
  require(parsed != nullptr, "read a certificate");
  return pem_of(parsed.get());
}

CertificateFacts read_certificate(const std::filesystem::path& certificate) {
  return facts_of(load_certificate(certificate).get());
}

std::string format_utc(WallTime time) {
  const std::time_t seconds = std::chrono::system_clock::to_time_t(time);
  std::tm parts{};
  ::gmtime_r(&seconds, &parts);
  char text[64];
  return {text, std::strftime(text, sizeof text, "%Y-%m-%d %H:%M:%S UTC", &parts)};
}

}  // namespace weft::crypto
