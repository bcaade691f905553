// Certificates that the CA has revoked: before a session, and while one stands.
#include "common/crypto/revocation.h"

#include "common/base/file.h"
#include "tests/net/net_support.h"

namespace weft::net {
namespace {

using crypto::Role;

class RevokedPeerTest : public testing::Test {
 protected:
  RevokedPeerTest() {
    std::string pattern = (std::filesystem::temp_directory_path() / "weft_revoked_XXXXXX").string();
    root_ = ::mkdtemp(pattern.data());
    crypto::init_ca(root_);
    crypto::issue(root_, {.name = "coordinator", .role = Role::coordinator});
    for (const char* name : {"alder", "birch"}) crypto::issue(root_, {.name = name});
    // A site has its own copy of the CA's certificate, and of the list if someone gives it that.
    for (const char* file : {"ca.crt", "alder.crt", "alder.key", "birch.crt", "birch.key"}) {
      std::filesystem::create_directories(root_ / "site");
      std::filesystem::copy_file(root_ / file, root_ / "site" / file);
    }
    server_.emplace(TlsServerOptions{.endpoint = "tcp://127.0.0.1:*", .credentials = files("coordinator")});
    driver_.emplace(*server_);
  }
  ~RevokedPeerTest() override {
    driver_.reset();
    server_.reset();
    std::filesystem::remove_all(root_);
  }
  crypto::CredentialFiles files(const std::string& name) const { return crypto::credential_files(root_, name); }
  std::unique_ptr<TlsClient> client(const std::string& site) {
    auto made = std::make_unique<TlsClient>(TlsClientOptions{
        .endpoint = server_->endpoint(), .credentials = crypto::credential_files(root_ / "site", site)});
    driver_->add(*made);
    return made;
  }
  std::filesystem::path root_;
  std::optional<TlsServer> server_;
  std::optional<Driver> driver_;
};

TEST_F(RevokedPeerTest, AReloadEndsItsSessionAndNoOtherAndItCannotComeBack) {
  const auto alder = client("alder"), birch = client("birch");
  const SessionId kept = driver_->connect(*alder).session;
  const SessionId ended = driver_->connect(*birch).session;
  EXPECT_TRUE(server_->reload_revocations().empty());
  crypto::revoke(root_, "birch");
  EXPECT_EQ(server_->reload_revocations(), std::vector<SiteId>{{"birch"}});
  const Disconnected gone = driver_->server_event<Disconnected>();
  EXPECT_EQ(gone.session, ended);
  EXPECT_NE(gone.reason.find("revoked"), std::string::npos) << gone.reason;
  EXPECT_FALSE(driver_->client_event<Down>(*birch).permanent);
  birch->connect();
  const Down refused = driver_->client_event<Down>(*birch);
  EXPECT_TRUE(refused.permanent);
  EXPECT_NE(refused.reason.find("it was revoked"), std::string::npos) << refused.reason;
  alder->send(as_bytes("still here"));
  const Received heard = driver_->server_event<Received>();
  EXPECT_EQ(heard.session, kept);
  EXPECT_EQ(as_text(heard.message), "still here");
}

TEST_F(RevokedPeerTest, WhoIsAwayIsNamedToo) {
  const auto birch = client("birch");
  driver_->connect(*birch);
  birch->close();
  driver_->server_event<Disconnected>();
  crypto::revoke(root_, "birch");
  EXPECT_EQ(server_->reload_revocations(), std::vector<SiteId>{{"birch"}});
  EXPECT_TRUE(server_->reload_revocations().empty()) << "once";
}

TEST_F(RevokedPeerTest, AListThatIsGoneLetsNobodyBackIn) {
  crypto::revoke(root_, "birch");
  server_->reload_revocations();
  EXPECT_EQ(server_->revoked(), 1U);
  std::filesystem::remove(root_ / "ca.crl");
  EXPECT_THROW(server_->reload_revocations(), ConfigError);
  EXPECT_EQ(server_->revoked(), 1U);
  const auto birch = client("birch");
  birch->connect();
  EXPECT_TRUE(driver_->client_event<Down>(*birch).permanent);
}

TEST_F(RevokedPeerTest, AnUnusableListChangesNothing) {
  const auto birch = client("birch");
  driver_->connect(*birch);
  ASSERT_TRUE(write_atomic(root_ / "ca.crl", as_bytes("nonsense")));
  EXPECT_THROW(server_->reload_revocations(), ConfigError);
  const auto alder = client("alder");
  driver_->connect(*alder);
}

TEST_F(RevokedPeerTest, ASiteRefusesARevokedCoordinator) {
  crypto::revoke(root_, "coordinator");
  std::filesystem::copy_file(root_ / "ca.crl", root_ / "site/ca.crl");
  const auto alder = client("alder");
  alder->connect();
  const Down refused = driver_->client_event<Down>(*alder);
  EXPECT_TRUE(refused.permanent);
  EXPECT_NE(refused.reason.find("the coordinator's certificate is refused: it was revoked"), std::string::npos)
      << refused.reason;
}

}  // namespace
}  // namespace weft::net
