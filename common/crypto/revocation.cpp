// Reading and writing ca.crl.
#include "common/crypto/revocation.h"

#include <openssl/pem.h>
#include <openssl/x509v3.h>

#include <algorithm>
#include <ctime>

#include "common/base/file.h"
#include "common/crypto/openssl_handles.h"

namespace weft::crypto {
namespace {

struct ListDeleter {
  void operator()(X509_CRL* list) const { X509_CRL_free(list); }
  void operator()(ASN1_TIME* time) const { ASN1_TIME_free(time); }
};
using List = std::unique_ptr<X509_CRL, ListDeleter>;
using Asn1Time = std::unique_ptr<ASN1_TIME, ListDeleter>;

constexpr std::chrono::hours kClockSkew{1};  // the list is valid from a little before it is made, as certificates are

Asn1Time asn1_of(WallTime time) {
  Asn1Time made(ASN1_TIME_set(nullptr, std::chrono::system_clock::to_time_t(time)));
  require(made != nullptr, "make a time");
  return made;
}

constexpr std::size_t kMaxListBytes = 16 << 20;  // half a million revocations

// Error: what is wrong with the list.
Result<List> list_of_pem(const std::string& pem, X509* issuer) {
  if (pem.size() > kMaxListBytes)
    return Error{std::to_string(pem.size()) + " bytes, expected a revocation list of at most " +
                 std::to_string(kMaxListBytes)};
  const BioHandle bio(BIO_new_mem_buf(pem.data(), static_cast<int>(pem.size())));
  require(bio != nullptr, "read a revocation list");
  List list(PEM_read_bio_X509_CRL(bio.get(), nullptr, no_pass_phrase, nullptr));
  if (list == nullptr) return Error{"not a PEM revocation list (" + take_openssl_error() + ")"};
  const bool is_signed = X509_CRL_verify(list.get(), X509_get0_pubkey(issuer)) == 1;
  take_openssl_error();  // a list is read whose extensions are malformed, but they leave errors
  if (is_signed) return list;
  return Error{"not signed by the CA of the ca.crt beside it"};
}

// Nullptr where there is no file.
List load_list(const std::filesystem::path& ca) {
  const std::filesystem::path file = revocation_list_of(ca);
  if (!std::filesystem::exists(file)) return nullptr;
  const Result<std::string> text = read_text(file);
  if (!text) throw ConfigError(text.error().message);
  Result<List> list = list_of_pem(text.value(), load_certificate(ca).get());
  if (!list)
    throw ConfigError(file.string() + ": " + list.error().message + "; copy ca.crl anew from the folder of the CA");
  return std::move(list).value();
}

std::vector<Revocation> entries_of(X509_CRL* list) {
  STACK_OF(X509_REVOKED)* entries = list == nullptr ? nullptr : X509_CRL_get_REVOKED(list);
  std::vector<Revocation> revocations;
  for (int i = 0; i < sk_X509_REVOKED_num(entries); ++i) {
    const X509_REVOKED* entry = sk_X509_REVOKED_value(entries, i);
    revocations.push_back(
        {hex_of(X509_REVOKED_get0_serialNumber(entry)), time_of(X509_REVOKED_get0_revocationDate(entry))});
  }
  return revocations;
}

// With what an older one holds.
List new_list(const std::filesystem::path& ca, const List& old) {
  const X509Handle issuer = load_certificate(ca);
  List list(X509_CRL_new());
  require(list != nullptr && X509_CRL_set_version(list.get(), X509_CRL_VERSION_2) == 1 &&
              X509_CRL_set_issuer_name(list.get(), X509_get_subject_name(issuer.get())) == 1 &&
              X509_CRL_set1_lastUpdate(list.get(), asn1_of(std::chrono::system_clock::now() - kClockSkew).get()) == 1 &&
              X509_CRL_set1_nextUpdate(list.get(), X509_get0_notAfter(issuer.get())) == 1,
          "make a revocation list");
  STACK_OF(X509_REVOKED)* entries = old == nullptr ? nullptr : X509_CRL_get_REVOKED(old.get());
  for (int i = 0; i < sk_X509_REVOKED_num(entries); ++i)
    require(X509_CRL_add0_revoked(list.get(), X509_REVOKED_dup(sk_X509_REVOKED_value(entries, i))) == 1,
            "keep a revocation");
  return list;
}

void add(X509_CRL* list, X509* certificate) {
  X509_REVOKED* entry = X509_REVOKED_new();
  const bool added = entry != nullptr &&
                     X509_REVOKED_set_serialNumber(entry, X509_get_serialNumber(certificate)) == 1 &&
                     X509_REVOKED_set_revocationDate(entry, asn1_of(std::chrono::system_clock::now()).get()) == 1 &&
                     X509_CRL_add0_revoked(list, entry) == 1;
  if (!added) X509_REVOKED_free(entry);
  require(added, "add a revocation");
}

// What RFC 5280 asks of every list: whose it is (5.2.1), and a number that grows (5.2.3): that of its entries.
void add_extensions(X509_CRL* list, X509* issuer) {
  X509V3_CTX context;
  X509V3_set_ctx(&context, issuer, nullptr, nullptr, list, 0);
  X509_EXTENSION* whose = X509V3_EXT_conf_nid(nullptr, &context, NID_authority_key_identifier, "keyid:always");
  const bool named = whose != nullptr && X509_CRL_add_ext(list, whose, -1) == 1;
  X509_EXTENSION_free(whose);
  ASN1_INTEGER* number = ASN1_INTEGER_new();
  const bool numbered = number != nullptr &&
                        ASN1_INTEGER_set(number, sk_X509_REVOKED_num(X509_CRL_get_REVOKED(list))) == 1 &&
                        X509_CRL_add1_ext_i2d(list, NID_crl_number, number, 0, 0) == 1;
  ASN1_INTEGER_free(number);
  require(named && numbered, "extend a revocation list");
}

void sign(X509_CRL* list, EVP_PKEY* key) {
  const bool own_digest = EVP_PKEY_get_base_id(key) == EVP_PKEY_ED25519;
  require(X509_CRL_sign(list, key, own_digest ? nullptr : EVP_sha256()) > 0, "sign a revocation list");
}

Bytes pem_of(X509_CRL* list) {
  const BioHandle bio(BIO_new(BIO_s_mem()));
  require(bio != nullptr && PEM_write_bio_X509_CRL(bio.get(), list) == 1, "write a revocation list");
  char* data = nullptr;
  const long size = BIO_get_mem_data(bio.get(), &data);
  return {data, data + size};
}

}  // namespace

std::filesystem::path revocation_list_of(const std::filesystem::path& ca) { return ca.parent_path() / "ca.crl"; }

std::vector<Revocation> read_revocations(const std::filesystem::path& ca) { return entries_of(load_list(ca).get()); }

Result<std::vector<Revocation>> revocations_of_pem(const std::string& list, const std::string& ca) {
  const X509Handle issuer = certificate_of_pem(ca);
  if (issuer == nullptr) return Error{"certificate: not a PEM certificate"};
  const Result<List> read = list_of_pem(list, issuer.get());
  if (!read) return read.error();
  return entries_of(read.value().get());
}

bool holds(const std::vector<Revocation>& revocations, const CertificateFacts& certificate) {
  return std::any_of(revocations.begin(), revocations.end(),
                     [&](const Revocation& each) { return each.serial == certificate.serial; });
}

CertificateFacts revoke(const std::filesystem::path& folder, const std::string& name) {
  const CredentialFiles files = credential_files(folder, name);
  for (const char* file : {"ca.crt", "ca.key"})
    if (!std::filesystem::exists(folder / file))
      throw ConfigError("no " + std::string(file) + " in " + folder.string() +
                        "; revoke where the CA is that issued the certificate");
  const X509Handle certificate = load_certificate(files.certificate);
  const CertificateFacts facts = read_certificate(files.certificate);
  if (const Status issued = verify_issued(files.ca, pem_of(certificate.get()), facts.role.value_or(Role::site));
      !issued)
    throw ConfigError(issued.error().message);
  if (holds(read_revocations(files.ca), facts))
    throw ConfigError(files.certificate.string() + ": is revoked already; see " +
                      revocation_list_of(files.ca).string());
  const List list = new_list(files.ca, load_list(files.ca));
  add(list.get(), certificate.get());
  add_extensions(list.get(), load_certificate(files.ca).get());
  sign(list.get(), load_key(folder / "ca.key").get());
  if (const Status saved = write_atomic(revocation_list_of(files.ca), pem_of(list.get())); !saved)
    throw Failure(saved.error().message);
  return facts;
}

}  // namespace weft::crypto
