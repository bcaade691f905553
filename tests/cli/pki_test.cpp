// weft pki: what it makes, shows and refuses.
#include "common/crypto/pki.h"

#include <gtest/gtest.h>

#include "tests/cli/weft_support.h"

namespace weft::cli {
namespace {

class PkiTest : public testing::Test {
 protected:
  PkiTest() { crypto::init_ca(place_ / "pki"); }
  std::string shown(const std::string& name) const {
    const Ended ended = weft({"pki", "show", (place_ / "pki" / (name + ".crt")).string()});
    EXPECT_EQ(ended.code, 0) << ended.err;
    return ended.out;
  }
  Ended issue(Arguments more) const {
    Arguments arguments{"pki", "issue", "--folder", (place_ / "pki").string()};
    arguments.insert(arguments.end(), more.begin(), more.end());
    return weft(arguments);
  }
  TemporaryPlace place_;
};

TEST_F(PkiTest, ShowsRoleAndHosts) {
  ASSERT_EQ(issue({"desk", "--coordinator", "--host", "fl.example.org", "--host", "10.0.0.7"}).code, 0);
  const std::string text = shown("desk");
  EXPECT_NE(text.find("role         coordinator\nhosts        desk, "), std::string::npos) << text;
  EXPECT_NE(text.find("fl.example.org"), std::string::npos) << text;
  EXPECT_NE(text.find("10.0.0.7"), std::string::npos) << text;
  EXPECT_EQ(text.find("EXPIRED"), std::string::npos) << text;
}

TEST_F(PkiTest, ShowsThatACertificateIsNotValidNow) {
  const auto now = std::chrono::system_clock::now();
  crypto::issue(place_ / "pki", {.name = "late", .valid_days = 1, .issued_at = now - std::chrono::days(9)});
  crypto::issue(place_ / "pki", {.name = "early", .valid_days = 9, .issued_at = now + std::chrono::days(9)});
  EXPECT_NE(shown("late").find(" UTC  EXPIRED\n"), std::string::npos) << shown("late");
  EXPECT_NE(shown("early").find(" UTC  NOT YET VALID\n"), std::string::npos) << shown("early");
}

TEST_F(PkiTest, ShowsThatACertificateWasRevoked) {
  for (const char* name : {"clinic", "bank"}) ASSERT_EQ(issue({name}).code, 0);
  ASSERT_EQ(weft({"pki", "revoke", "clinic", "--folder", (place_ / "pki").string()}).code, 0);
  EXPECT_NE(shown("clinic").find(" UTC  REVOKED\n"), std::string::npos) << shown("clinic");
  EXPECT_EQ(shown("bank").find("REVOKED"), std::string::npos) << shown("bank");
}

TEST_F(PkiTest, ASiteHasNoHost) {
  expect_one_error(issue({"clinic", "--host", "clinic.example.org"}), 2, {"--host", "--coordinator"});
  EXPECT_FALSE(std::filesystem::exists(place_ / "pki/clinic.crt"));
}

}  // namespace
}  // namespace weft::cli
