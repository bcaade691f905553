// A CA's list of revoked certificates: what it holds, and what is refused as one.
#include "common/crypto/revocation.h"

#include <gtest/gtest.h>

#include "common/base/file.h"

namespace weft::crypto {
namespace {

class RevocationTest : public testing::Test {
 protected:
  RevocationTest() {
    std::string pattern = (std::filesystem::temp_directory_path() / "weft_crl_XXXXXX").string();
    root_ = ::mkdtemp(pattern.data());
    init_ca(folder());
    for (const char* name : {"alder", "birch"}) issue(folder(), {.name = name});
  }
  ~RevocationTest() override { std::filesystem::remove_all(root_); }
  std::filesystem::path folder() const { return root_ / "pki"; }
  std::filesystem::path ca() const { return folder() / "ca.crt"; }
  std::string error_of(const std::function<void()>& action) {
    try {
      action();
    } catch (const ConfigError& error) {
      return error.what();
    }
    return "none";
  }
  std::filesystem::path root_;
};

TEST_F(RevocationTest, HoldsWhoWasRevokedAndNobodyElse) {
  EXPECT_TRUE(read_revocations(ca()).empty());
  EXPECT_EQ(revoke(folder(), "birch").name, "birch");
  const auto alder = read_certificate(folder() / "alder.crt"), birch = read_certificate(folder() / "birch.crt");
  EXPECT_TRUE(holds(read_revocations(ca()), birch));
  EXPECT_FALSE(holds(read_revocations(ca()), alder));
  revoke(folder(), "alder");
  const std::vector<Revocation> both = read_revocations(ca());
  ASSERT_EQ(both.size(), 2U);
  EXPECT_EQ(both[0].serial, birch.serial);
  EXPECT_EQ(both[1].serial, alder.serial);
}

TEST_F(RevocationTest, WhoIsRevokedLearnsItFromItsOwnFiles) {
  EXPECT_NO_THROW(check_credentials(credential_files(folder(), "birch"), Role::site));
  revoke(folder(), "birch");
  EXPECT_NE(error_of([&] { check_credentials(credential_files(folder(), "birch"), Role::site); }).find("revoked by"),
            std::string::npos);
  EXPECT_NO_THROW(check_credentials(credential_files(folder(), "alder"), Role::site));
}

TEST_F(RevocationTest, RefusesTheListOfAnotherCaAndWhatIsNoList) {
  init_ca(root_ / "other");
  issue(root_ / "other", {.name = "alder"});
  revoke(root_ / "other", "alder");
  std::filesystem::copy_file(root_ / "other/ca.crl", folder() / "ca.crl");
  EXPECT_NE(error_of([&] { read_revocations(ca()); }).find("not signed by the CA"), std::string::npos);
  ASSERT_TRUE(write_atomic(folder() / "ca.crl", as_bytes("-----BEGIN X509 CRL-----\nAAAA\n-----END X509 CRL-----\n")));
  EXPECT_NE(error_of([&] { read_revocations(ca()); }).find("not a PEM revocation list"), std::string::npos);
}

TEST_F(RevocationTest, ReadsWhatTheFilesHold) {
  revoke(folder(), "birch");
  const std::string list = read_text(folder() / "ca.crl").value(), its_ca = read_text(ca()).value();
  const auto read = revocations_of_pem(list, its_ca);
  ASSERT_TRUE(read) << read.error().message;
  ASSERT_EQ(read.value().size(), 1U);
  EXPECT_EQ(read.value().front().serial, read_certificate(folder() / "birch.crt").serial);
  const auto message = [&](const std::string& text) { return revocations_of_pem(text, its_ca).error().message; };
  EXPECT_NE(message(list.substr(0, list.size() / 2)).find("not a PEM revocation list"), std::string::npos);
  EXPECT_NE(message(std::string((16 << 20) + 1, '-')).find("at most 16777216"), std::string::npos);
  EXPECT_NE(revocations_of_pem(list, "").error().message.find("not a PEM certificate"), std::string::npos);
}

// It would have to be asked of somebody at a terminal.
TEST_F(RevocationTest, AsksForNoPassPhrase) {
  revoke(folder(), "birch");
  std::string list = read_text(folder() / "ca.crl").value();
  list.insert(list.find('\n') + 1,
              "Proc-Type: 4,ENCRYPTED\nDEK-Info: AES-128-CBC,00112233445566778899AABBCCDDEEFF\n\n");
  const auto read = revocations_of_pem(list, read_text(ca()).value());
  ASSERT_FALSE(read);
  EXPECT_NE(read.error().message.find("bad password read"), std::string::npos) << read.error().message;
}

TEST_F(RevocationTest, RefusesTwiceUnknownNamesAndOthersCertificates) {
  revoke(folder(), "birch");
  EXPECT_NE(error_of([&] { revoke(folder(), "birch"); }).find("revoked already"), std::string::npos);
  EXPECT_NE(error_of([&] { revoke(folder(), "cedar"); }).find("cedar.crt"), std::string::npos);
  init_ca(root_ / "other");
  issue(root_ / "other", {.name = "dogwood"});
  std::filesystem::copy_file(root_ / "other/dogwood.crt", folder() / "dogwood.crt");
  EXPECT_NE(error_of([&] { revoke(folder(), "dogwood"); }).find("another CA"), std::string::npos);
}

}  // namespace
}  // namespace weft::crypto
