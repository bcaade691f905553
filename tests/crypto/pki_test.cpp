// Certificates are issued as the profile says, and every way in which files can be wrong has its own words.
#include "common/crypto/pki.h"

#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>

#include "common/base/file.h"

namespace weft::crypto {
namespace {

using std::chrono::hours;

constexpr hours kDay(24);

WallTime today() { return std::chrono::system_clock::now(); }

class PkiTest : public testing::Test {
 protected:
  PkiTest() {
    const auto* test = testing::UnitTest::GetInstance()->current_test_info();
    folder_ = std::filesystem::path(testing::TempDir()) /
              ("weft_pki_" + std::string(test->name()) + "_" + std::to_string(::getpid()));
    std::filesystem::remove_all(folder_);
  }
  ~PkiTest() override { std::filesystem::remove_all(folder_); }
  std::filesystem::path folder_;
};

unsigned mode_of(const std::filesystem::path& file) {
  struct stat info {};
  return ::stat(file.c_str(), &info) == 0 ? info.st_mode & 0777U : 0;
}

template <class Do>
std::string config_error(Do action) {
  try {
    action();
  } catch (const ConfigError& error) {
    return error.what();
  }
  return "no ConfigError";
}
bool has(const std::string& text, const std::string& part) { return text.find(part) != std::string::npos; }

// As of one that is never to expire (RFC 5280, section 4.1.2.5): a time point ends in 2262.
TEST(CertificateTimeTest, ReachesNoFurtherThanATimePoint) {
  const auto facts = facts_of_pem(
      "-----BEGIN CERTIFICATE-----\n"
      "MIIBJTCB2KADAgECAgEBMAUGAytlcDARMQ8wDQYDVQQDDAZGYXIgQ0EwIBcNMjYx\n"
      "MTI3MDI1ODM5WhgPOTk2NjExMDIwMjU4MzlaMBExDzANBgNVBAMMBkZhciBDQTAq\n"
      "MAUGAytlcAMhAOpKbGPinFIKvvVQexMuxfmVR3auvr57kkIe6mkURtIso1MwUTAd\n"
      "BgNVHQ4EFgQUTF7OQCOgNB7irP/MTRcVSoVPAuUwHwYDVR0jBBgwFoAUTF7OQCOg\n"
      "NB7irP/MTRcVSoVPAuUwDwYDVR0TAQH/BAUwAwEB/zAFBgMrZXADQQDfsmnusytd\n"
      "gQjqnLtc4R6k8+LGYcaZKA4OpBKTpUKHbN3zMZZTtQaqQp8U6uUf+fz1ynt9zCIO\n"
      "yubdLNsmcecB\n"
      "-----END CERTIFICATE-----\n");
  ASSERT_TRUE(facts) << facts.error().message;
  EXPECT_EQ(format_utc(facts.value().not_after), "2262-04-11 23:47:16 UTC");
}

TEST_F(PkiTest, FactsSayWhatWasIssued) {
  init_ca(folder_, {.name = "Northern Hospitals"});
  const auto coordinator = issue(folder_, {.name = "hub",
                                           .role = Role::coordinator,
                                           .key_type = KeyType::p256,
                                           .extra_hosts = {"fl.example.org", "10.0.0.7", "::1"}});
  const auto site = issue(folder_, {.name = "clinic-b", .valid_days = 30});
  const CertificateFacts ca = read_certificate(folder_ / "ca.crt");
  EXPECT_TRUE(ca.is_ca);
  EXPECT_FALSE(ca.role);
  EXPECT_EQ(ca.name, "Northern Hospitals");
  EXPECT_EQ(ca.key_type, "ed25519");

  const CertificateFacts hub = read_certificate(coordinator.certificate);
  EXPECT_EQ(hub.name, "hub");
  EXPECT_EQ(hub.role, Role::coordinator);
  EXPECT_TRUE(hub.server_auth && hub.client_auth);
  EXPECT_EQ(hub.hosts, (std::vector<std::string>{"hub", "fl.example.org", "10.0.0.7", "::1"}));
  EXPECT_EQ(hub.issuer, "Northern Hospitals");
  EXPECT_EQ(hub.key_type, "p256");

  const CertificateFacts clinic = read_certificate(site.certificate);
  EXPECT_EQ(clinic.role, Role::site);
  EXPECT_TRUE(clinic.client_auth && !clinic.server_auth && !clinic.is_ca);
  EXPECT_EQ(clinic.key_type, "ed25519");
  EXPECT_LT(clinic.not_before, today());
  EXPECT_GT(clinic.not_after, today() + 29 * kDay);
  EXPECT_LT(clinic.not_after, today() + 31 * kDay);
  EXPECT_EQ(clinic.fingerprint.size(), 64U);
  EXPECT_NE(clinic.fingerprint, hub.fingerprint);
  EXPECT_EQ(clinic.serial.size(), 32U);
  EXPECT_NE(clinic.serial, hub.serial);
  EXPECT_FALSE(facts_of_der(as_bytes("not a certificate")));
}

TEST_F(PkiTest, EveryIssuedCertificateVerifiesForItsRoleOnly) {
  for (const KeyType ca_key : {KeyType::ed25519, KeyType::p256}) {
    const auto folder = folder_ / name_of(ca_key);
    init_ca(folder, {.key_type = ca_key});
    for (const KeyType key : {KeyType::ed25519, KeyType::p256}) {
      const std::string suffix = name_of(key);
      const auto hub = issue(folder, {.name = "hub-" + suffix, .role = Role::coordinator, .key_type = key});
      const auto site = issue(folder, {.name = "site-" + suffix, .key_type = key});
      EXPECT_TRUE(verify_certificate(hub.ca, hub.certificate, Role::coordinator));
      EXPECT_TRUE(verify_certificate(hub.ca, hub.certificate, Role::site));  // a coordinator is a worker upstream
      EXPECT_TRUE(verify_certificate(site.ca, site.certificate, Role::site));
      const Status posing = verify_certificate(site.ca, site.certificate, Role::coordinator);
      ASSERT_FALSE(posing);
      EXPECT_TRUE(has(posing.error().message, "for role site, expected role coordinator")) << posing.error().message;
      EXPECT_EQ(check_credentials(site, Role::site).name, "site-" + suffix);
    }
  }
}

TEST_F(PkiTest, KeysAreForTheirOwnerOnly) {
  init_ca(folder_);
  const auto site = issue(folder_, {.name = "clinic"});
  EXPECT_EQ(mode_of(folder_ / "ca.key"), 0600U);
  EXPECT_EQ(mode_of(site.key), 0600U);
  EXPECT_TRUE(has(read_text(site.key).value(), "BEGIN PRIVATE KEY"));
  ASSERT_EQ(::chmod(site.key.c_str(), 0640), 0);
  const std::string error = config_error([&] { check_credentials(site, Role::site); });
  EXPECT_TRUE(has(error, site.key.string()) && has(error, "mode is 0640") && has(error, "chmod 600")) << error;
}

TEST_F(PkiTest, NothingIsEverOverwritten) {
  init_ca(folder_);
  const auto site = issue(folder_, {.name = "clinic"});
  const std::string ca_before = read_text(folder_ / "ca.key").value(), key_before = read_text(site.key).value();
  EXPECT_TRUE(has(config_error([&] { init_ca(folder_); }), "ca.crt exists and is never overwritten"));
  EXPECT_TRUE(has(config_error([&] { issue(folder_, {.name = "clinic"}); }), "clinic.crt exists"));
  std::filesystem::remove(site.certificate);  // the key alone is kept as well
  EXPECT_TRUE(has(config_error([&] { issue(folder_, {.name = "clinic"}); }), "clinic.key exists"));
  EXPECT_EQ(read_text(folder_ / "ca.key").value(), ca_before);
  EXPECT_EQ(read_text(site.key).value(), key_before);
}

TEST_F(PkiTest, RefusesBadNamesHostsAndPeriods) {
  init_ca(folder_);
  for (const char* name : {"", "../clinic", "a b", "a/b", ".hidden", "a,DNS:hub"})
    EXPECT_TRUE(has(config_error([&] { issue(folder_, {.name = name}); }), "certificate name")) << name;
  EXPECT_TRUE(has(config_error([&] { issue(folder_, {.name = "ca"}); }), "reserved"));
  for (const char* host : {"", "a b", "x,DNS:hub", "*"})
    EXPECT_TRUE(has(config_error([&] { issue(folder_, {.name = "c", .extra_hosts = {host}}); }), "host")) << host;
  for (const int days : {0, -1, 40'000})
    EXPECT_TRUE(has(config_error([&] { issue(folder_, {.name = "c", .valid_days = days}); }), "validity")) << days;
  EXPECT_TRUE(has(config_error([&] { issue(folder_ / "nowhere", {.name = "c"}); }), "weft pki init"));
  EXPECT_FALSE(std::filesystem::exists(folder_ / "c.key"));
}

TEST_F(PkiTest, NamesExpiryAndClocksThatAreWrong) {
  init_ca(folder_, {.issued_at = today() - 100 * kDay});
  const auto old = issue(folder_, {.name = "old", .valid_days = 10, .issued_at = today() - 20 * kDay});
  const auto early = issue(folder_, {.name = "early", .issued_at = today() + 20 * kDay});
  const std::string expired = config_error([&] { check_credentials(old, Role::site); });
  EXPECT_TRUE(has(expired, old.certificate.string()) && has(expired, "expired on 2") && has(expired, "weft pki issue"))
      << expired;
  const std::string future = config_error([&] { check_credentials(early, Role::site); });
  EXPECT_TRUE(has(future, early.certificate.string()) && has(future, "not valid before") && has(future, "clock"))
      << future;
  EXPECT_NO_THROW(check_credentials(old, Role::site, today() - 15 * kDay));
  EXPECT_TRUE(has(config_error([&] { check_credentials(old, Role::site, today() + 5000 * kDay); }), "CA certificate"));
}

TEST_F(PkiTest, NoCertificateOutlivesItsCa) {
  init_ca(folder_, {.valid_days = 10});
  const auto site = issue(folder_, {.name = "clinic", .valid_days = 800});
  EXPECT_EQ(read_certificate(site.certificate).not_after, read_certificate(folder_ / "ca.crt").not_after);
  const auto stale = folder_ / "stale";
  init_ca(stale, {.valid_days = 10, .issued_at = today() - 20 * kDay});
  EXPECT_TRUE(has(config_error([&] { issue(stale, {.name = "clinic"}); }), "the CA expired"));
}

TEST_F(PkiTest, NamesAnotherCaAndAnotherKey) {
  const auto other = folder_ / "other";
  init_ca(folder_);
  init_ca(other);  // of the same name
  const auto site = issue(folder_, {.name = "clinic"}), second = issue(folder_, {.name = "practice"});
  const std::string wrong_ca = config_error([&] {
    check_credentials({other / "ca.crt", site.certificate, site.key}, Role::site);
  });
  EXPECT_TRUE(has(wrong_ca, "another CA") && has(wrong_ca, (other / "ca.crt").string())) << wrong_ca;
  const std::string wrong_key = config_error([&] {
    check_credentials({site.ca, site.certificate, second.key}, Role::site);
  });
  EXPECT_TRUE(has(wrong_key, second.key.string()) && has(wrong_key, "does not belong")) << wrong_key;
  const std::string not_ca = config_error([&] {
    check_credentials({second.certificate, site.certificate, site.key}, Role::site);
  });
  EXPECT_TRUE(has(not_ca, "not a CA certificate")) << not_ca;
  ASSERT_TRUE(write_atomic(other / "ca.key", as_bytes(read_text(folder_ / "ca.key").value()), 0600));
  EXPECT_TRUE(has(config_error([&] { issue(other, {.name = "clinic"}); }), "is not the key of"));
}

TEST_F(PkiTest, NamesMissingAndMalformedFiles) {
  init_ca(folder_);
  const auto site = issue(folder_, {.name = "clinic"});
  const auto absent = folder_ / "absent.crt", torn = folder_ / "torn";
  const std::string pem = read_text(site.certificate).value();
  ASSERT_TRUE(write_atomic(torn, as_bytes(std::string_view(pem).substr(0, pem.size() / 2)), 0600));
  EXPECT_TRUE(has(config_error([&] { check_credentials({site.ca, absent, site.key}, Role::site); }), absent.string()));
  EXPECT_TRUE(has(config_error([&] { check_credentials({site.ca, torn, site.key}, Role::site); }), "not a PEM"));
  EXPECT_TRUE(has(config_error([&] {
                    check_credentials({torn, site.certificate, site.key}, Role::site);
                  }),
                  "not a PEM"));
  EXPECT_TRUE(has(config_error([&] {
                    check_credentials({site.ca, site.certificate, torn}, Role::site);
                  }),
                  "not an unencrypted PEM private key"));
}

TEST(RandomBytesTest, AreOfTheLengthAskedForAndNeverTwiceTheSame) {
  EXPECT_TRUE(random_bytes(0).empty());
  const Bytes first = random_bytes((1 << 20) + 3), second = random_bytes((1 << 20) + 3);
  EXPECT_EQ(first.size(), (1U << 20) + 3);
  EXPECT_NE(first, second);
  EXPECT_NE(Bytes(first.end() - 3, first.end()), Bytes(3, 0));  // filled to the end; wrong once in 16 million runs
}

}  // namespace
}  // namespace weft::crypto
