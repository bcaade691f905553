// Signatures hold for the bytes and the key they were made with, and for nothing else.
#include "common/crypto/signature.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <fstream>

namespace weft::crypto {
namespace {

using testing::HasSubstr;

constexpr const char* kWords = "round 3 is committed";

class SignatureTest : public testing::TestWithParam<KeyType> {
 protected:
  SignatureTest() : folder_(std::filesystem::path(testing::TempDir()) / ("weft_sign_" + std::to_string(::getpid()))) {
    std::filesystem::remove_all(folder_);
    init_ca(folder_);
  }
  ~SignatureTest() override { std::filesystem::remove_all(folder_); }
  CredentialFiles files(const std::string& name) const {
    return issue(folder_, {.name = name, .role = Role::coordinator, .key_type = GetParam()});
  }
  std::filesystem::path folder_;
};

std::string fault_of(const Status& status) { return status ? "" : status.error().message; }

TEST_P(SignatureTest, HoldsForItsBytesAndKey) {
  const CredentialFiles hub = files("hub");
  const Signer signer(hub);
  const Bytes signature = signer.sign(as_bytes(kWords));
  EXPECT_LE(signature.size(), 72U);
  EXPECT_EQ(fault_of(verify_signature(signer.certificate(), as_bytes(kWords), signature)), "");
  EXPECT_EQ(fault_of(verify_signature(signer.certificate(), {}, signer.sign({}))), "");
  EXPECT_EQ(signer.fingerprint(), read_certificate(hub.certificate).fingerprint);
  EXPECT_EQ(facts_of_pem(signer.certificate()).value().name, "hub");
}

TEST_P(SignatureTest, RefusesEveryOtherByteKeyAndLength) {
  const Signer signer(files("hub")), other(files("other"));
  const Bytes signature = signer.sign(as_bytes(kWords));
  EXPECT_THAT(fault_of(verify_signature(other.certificate(), as_bytes(kWords), signature)),
              HasSubstr("not one of these words by the key of \"other\""));
  EXPECT_FALSE(verify_signature(signer.certificate(), as_bytes("round 4 is committed"), signature));
  for (std::size_t i = 0; i < signature.size(); ++i) {
    EXPECT_FALSE(verify_signature(signer.certificate(), as_bytes(kWords), ByteSpan(signature).first(i)));
    Bytes flipped = signature;
    flipped[i] ^= 0x10;
    EXPECT_FALSE(verify_signature(signer.certificate(), as_bytes(kWords), flipped)) << "byte " << i;
  }
  Bytes longer = signature;
  longer.push_back(0);
  EXPECT_FALSE(verify_signature(signer.certificate(), as_bytes(kWords), longer));
}

TEST_P(SignatureTest, NamesWhatIsNoCertificate) {
  for (const std::string text : {"", "rubbish", "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n"})
    EXPECT_THAT(fault_of(verify_signature(text, as_bytes(kWords), as_bytes("x"))), HasSubstr("not a PEM certificate"));
}

TEST_P(SignatureTest, AKeyOfAnotherCertificateIsRefused) {
  const CredentialFiles hub = files("hub"), other = files("other");
  EXPECT_THROW(Signer({hub.ca, hub.certificate, other.key}), ConfigError);
  EXPECT_THROW(Signer({hub.ca, hub.certificate, folder_ / "none.key"}), ConfigError);
}

TEST_P(SignatureTest, TheCaIssuedItForItsRole) {
  const Signer signer(files("hub"));
  EXPECT_EQ(fault_of(verify_issued(folder_ / "ca.crt", signer.certificate(), Role::coordinator)), "");
  const Signer site(issue(folder_, {.name = "clinic-b", .key_type = GetParam()}));
  EXPECT_THAT(fault_of(verify_issued(folder_ / "ca.crt", site.certificate(), Role::coordinator)),
              HasSubstr("expected role coordinator"));
  init_ca(folder_ / "anew");
  std::ofstream(folder_ / "anew" / "ca.crt", std::ios::app) << std::ifstream(folder_ / "ca.crt").rdbuf();
  EXPECT_EQ(fault_of(verify_issued(folder_ / "anew" / "ca.crt", signer.certificate(), Role::coordinator)), "");
  init_ca(folder_ / "elsewhere");
  EXPECT_THAT(fault_of(verify_issued(folder_ / "elsewhere" / "ca.crt", signer.certificate(), Role::coordinator)),
              HasSubstr("another CA"));
}

INSTANTIATE_TEST_SUITE_P(Keys, SignatureTest, testing::Values(KeyType::ed25519, KeyType::p256),
                         [](const auto& kind) { return name_of(kind.param); });

}  // namespace
}  // namespace weft::crypto
