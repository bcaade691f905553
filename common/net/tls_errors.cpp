#include "common/net/tls_errors.h"

#include <openssl/err.h>
#include <openssl/ssl.h>

namespace weft::net {
namespace {

const char* peer_word(Side side) { return side == Side::server ? "site" : "coordinator"; }

std::string explain_verify(long code, Side side) {
  switch (code) {
    case X509_V_ERR_CERT_HAS_EXPIRED:
      return "it has expired; issue a new one with `weft pki issue`, or set this machine's clock right";
    case X509_V_ERR_CERT_NOT_YET_VALID:
      return "it is not valid yet; set the clocks of both machines right";
    case X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT_LOCALLY:
    case X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT:
    case X509_V_ERR_UNABLE_TO_VERIFY_LEAF_SIGNATURE:
    case X509_V_ERR_SELF_SIGNED_CERT_IN_CHAIN:
    case X509_V_ERR_DEPTH_ZERO_SELF_SIGNED_CERT:
    case X509_V_ERR_CERT_SIGNATURE_FAILURE:
      return "another CA signed it; both ends need certificates of one CA";
    case X509_V_ERR_CERT_REVOKED:
      return "it was revoked (ca.crl)";
    case X509_V_ERR_CRL_NOT_YET_VALID:
      return "the revocation list (ca.crl) is not valid yet; set this machine's clock right";
    case X509_V_ERR_INVALID_PURPOSE:
      return std::string("it is not a ") + peer_word(side) + "'s certificate";
    default:
      return X509_verify_cert_error_string(code);
  }
}

struct Alert {
  std::string reason;
  bool about_certificate = false;
};

// RFC 8446, 6.2.
Alert explain_alert(int alert) {
  const std::string ours = "it refused our certificate: ";
  switch (alert) {
    case SSL3_AD_BAD_RECORD_MAC:
      return {kRecordFailure};
    case SSL3_AD_UNSUPPORTED_CERTIFICATE:
      return {ours + "it is of the wrong role", true};
    case SSL3_AD_CERTIFICATE_REVOKED:
      return {ours + "it was revoked", true};
    case SSL3_AD_CERTIFICATE_EXPIRED:
      return {ours + "it has expired", true};
    case TLS1_AD_UNKNOWN_CA:
      return {ours + "another CA signed it", true};
    case SSL3_AD_BAD_CERTIFICATE:
    case SSL3_AD_CERTIFICATE_UNKNOWN:
    case TLS1_AD_ACCESS_DENIED:
      return {ours + "it is not acceptable there", true};
    case TLS13_AD_CERTIFICATE_REQUIRED:
      return {"it requires a certificate", true};
    case TLS1_AD_PROTOCOL_VERSION:
      return {"it does not speak TLS 1.3"};
    case TLS1_AD_NO_APPLICATION_PROTOCOL:
      return {"it does not speak this version of Weft's protocol"};
    case TLS1_AD_INTERNAL_ERROR:
      return {"it is full or failed internally"};
    default:
      return {std::string("TLS alert ") + std::to_string(alert) + " (" + SSL_alert_desc_string_long(alert) + ")"};
  }
}

}  // namespace

TlsEnd explain_failure(const ssl_st* ssl, Side side, bool peer_verified) {
  const unsigned long code = ERR_get_error();
  ERR_clear_error();
  const int reason = code == 0 ? 0 : ERR_GET_REASON(code);
  const std::string peer = std::string("the ") + peer_word(side);
  switch (reason) {
    case SSL_R_CERTIFICATE_VERIFY_FAILED:
      return {peer + "'s certificate is refused: " + explain_verify(SSL_get_verify_result(ssl), side), true};
    case SSL_R_PEER_DID_NOT_RETURN_A_CERTIFICATE:
      return {peer + " showed no certificate", true};
    case SSL_R_DECRYPTION_FAILED_OR_BAD_RECORD_MAC:
    case SSL_R_BAD_RECORD_TYPE:
    case SSL_R_DIGEST_CHECK_FAILED:
      return {kRecordFailure};
    case SSL_R_UNSUPPORTED_PROTOCOL:
    case SSL_R_WRONG_SSL_VERSION:
    case SSL_R_UNKNOWN_PROTOCOL:
      return {peer + " does not speak TLS 1.3"};
    case SSL_R_NO_APPLICATION_PROTOCOL:
      return {peer + " does not speak Weft's protocol"};
    default:
      break;
  }
  if (reason > SSL_AD_REASON_OFFSET && reason < SSL_AD_REASON_OFFSET + 256) {
    const Alert alert = explain_alert(reason - SSL_AD_REASON_OFFSET);
    return {peer + " ended the session: " + alert.reason, alert.about_certificate && peer_verified};
  }
  const char* text = code == 0 ? nullptr : ERR_reason_error_string(code);
  return {std::string("TLS failed: ") + (text == nullptr ? "no reason given" : text)};
}

}  // namespace weft::net
