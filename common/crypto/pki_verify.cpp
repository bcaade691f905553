// Whether a certificate and its key can be used, and if not, why and what to do.
#include <openssl/x509_vfy.h>
#include <openssl/x509v3.h>

#include <algorithm>

#include "common/base/ids.h"
#include "common/crypto/openssl_handles.h"
#include "common/crypto/pki.h"
#include "common/crypto/revocation.h"

namespace weft::crypto {
namespace {

struct StoreDeleter {
  void operator()(X509_STORE* store) const { X509_STORE_free(store); }
  void operator()(X509_STORE_CTX* context) const { X509_STORE_CTX_free(context); }
};

// X509_V_OK or OpenSSL's error code.
int verify(X509* ca, X509* certificate, Role role, WallTime now) {
  const std::unique_ptr<X509_STORE, StoreDeleter> store(X509_STORE_new());
  const std::unique_ptr<X509_STORE_CTX, StoreDeleter> context(X509_STORE_CTX_new());
  require(store != nullptr && context != nullptr && X509_STORE_add_cert(store.get(), ca) == 1 &&
              X509_STORE_CTX_init(context.get(), store.get(), certificate, nullptr) == 1,
          "set up verification");
  X509_VERIFY_PARAM* parameters = X509_STORE_CTX_get0_param(context.get());
  X509_VERIFY_PARAM_set_time(parameters, std::chrono::system_clock::to_time_t(now));
  X509_VERIFY_PARAM_set_purpose(parameters, role == Role::site ? X509_PURPOSE_SSL_CLIENT : X509_PURPOSE_SSL_SERVER);
  const bool valid = X509_verify_cert(context.get()) == 1;
  const int code = X509_STORE_CTX_get_error(context.get());
  take_openssl_error();
  return valid ? X509_V_OK : (code == X509_V_OK ? X509_V_ERR_UNSPECIFIED : code);
}

// One sentence with the remedy for what OpenSSL found.
std::string explain(int code, const CertificateFacts& facts, const CredentialFiles& files, Role role) {
  switch (code) {
    case X509_V_ERR_CERT_HAS_EXPIRED:
      return "expired on " + format_utc(facts.not_after) +
             "; issue a new one with `weft pki issue`, or set this machine's clock right";
    case X509_V_ERR_CERT_NOT_YET_VALID:
      return "not valid before " + format_utc(facts.not_before) + "; set this machine's clock right";
    case X509_V_ERR_INVALID_PURPOSE:
      return "got a certificate " + std::string(facts.role ? "for role " : "without a role") +
             (facts.role ? name_of(*facts.role) : "") + ", expected role " + name_of(role) +
             "; issue one with `weft pki issue NAME" + (role == Role::coordinator ? " --coordinator`" : "`");
    case X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT_LOCALLY:
    case X509_V_ERR_UNABLE_TO_VERIFY_LEAF_SIGNATURE:
    case X509_V_ERR_CERT_SIGNATURE_FAILURE:
    case X509_V_ERR_DEPTH_ZERO_SELF_SIGNED_CERT:
      return "signed by another CA (its issuer is \"" + facts.issuer + "\") than " + files.ca.string() +
             "; use the ca.crt that came with it, or have it issued by this CA";
    default:
      return std::string(X509_verify_cert_error_string(code)) + "; issue a new one with `weft pki issue`";
  }
}

void check_ca(const CredentialFiles& files, WallTime now) {
  const CertificateFacts ca = read_certificate(files.ca);
  const std::string where = "CA certificate " + files.ca.string() + ": ";
  if (!ca.is_ca) throw ConfigError(where + "not a CA certificate; give the ca.crt that `weft pki init` made");
  if (now > ca.not_after)
    throw ConfigError(where + "expired on " + format_utc(ca.not_after) +
                      "; make a new CA with `weft pki init` and issue all certificates anew");
  if (now < ca.not_before)
    throw ConfigError(where + "not valid before " + format_utc(ca.not_before) + "; set this machine's clock right");
}

}  // namespace

CertificateFacts check_credentials(const CredentialFiles& files, Role role, WallTime now) {
  check_ca(files, now);
  const X509Handle ca = load_certificate(files.ca), certificate = load_certificate(files.certificate);
  const CertificateFacts facts = read_certificate(files.certificate);
  const std::string where = "certificate " + files.certificate.string() + ": ";
  const int code = verify(ca.get(), certificate.get(), role, now);
  if (code != X509_V_OK) throw ConfigError(where + explain(code, facts, files, role));
  if (!valid_site_name(facts.name) ||
      std::find(facts.hosts.begin(), facts.hosts.end(), facts.name) == facts.hosts.end())
    throw ConfigError(where + "its name \"" + facts.name +
                      "\" is not a site name repeated as DNS name; issue a new one with `weft pki issue`");
  if (holds(read_revocations(files.ca), facts))
    throw ConfigError(where + "revoked by " + revocation_list_of(files.ca).string() +
                      "; ask the CA's administrator for a new one");
  const KeyHandle key = load_key(files.key);
  if (X509_check_private_key(certificate.get(), key.get()) != 1) {
    take_openssl_error();
    throw ConfigError("private key " + files.key.string() + " does not belong to certificate " +
                      files.certificate.string() + "; copy both files of one `weft pki issue` together");
  }
  return facts;
}

Status verify_certificate(const std::filesystem::path& ca, const std::filesystem::path& certificate, Role role,
                          WallTime now) {
  const X509Handle root = load_certificate(ca), leaf = load_certificate(certificate);
  const int code = verify(root.get(), leaf.get(), role, now);
  if (code == X509_V_OK) return Ok{};
  return Error{"certificate " + certificate.string() + ": " +
               explain(code, read_certificate(certificate), {ca, certificate, {}}, role)};
}

Status verify_issued(const std::filesystem::path& ca, const std::string& certificate, Role role) {
  const std::vector<X509Handle> roots = load_certificates(ca);
  const X509Handle leaf = certificate_of_pem(certificate);
  const Result<CertificateFacts> facts = facts_of_pem(certificate);
  if (!facts) return facts.error();
  int code = X509_V_OK;
  for (const X509Handle& root : roots) {
    code = verify(root.get(), leaf.get(), role, facts.value().not_after - std::chrono::seconds(1));
    if (code == X509_V_OK) return Ok{};
  }
  return Error{"certificate of \"" + facts.value().name + "\": " + explain(code, facts.value(), {ca, {}, {}}, role)};
}

}  // namespace weft::crypto
