#include "tests/net/net_support.h"

#include <unistd.h>

#include "common/base/rng.h"

namespace weft::net {
namespace {

TestPki make_pki() {
  using crypto::KeyType;
  using crypto::Role;
  const auto root = std::filesystem::path(testing::TempDir()) / ("weft_net_" + std::to_string(::getpid()));
  std::filesystem::remove_all(root);
  const TestPki pki{root / "pki", root / "other"};
  const auto today = std::chrono::system_clock::now();
  const std::chrono::hours day(24);
  crypto::init_ca(pki.folder, {.issued_at = today - 30 * day});
  crypto::issue(pki.folder, {.name = "coordinator", .role = Role::coordinator, .extra_hosts = {"127.0.0.1"}});
  crypto::issue(pki.folder, {.name = "coordinator-p256", .role = Role::coordinator, .key_type = KeyType::p256});
  for (const char* site : {"alpha", "beta"}) crypto::issue(pki.folder, {.name = site});
  crypto::issue(pki.folder, {.name = "gamma-p256", .key_type = KeyType::p256});
  crypto::issue(pki.folder, {.name = "expired", .valid_days = 1, .issued_at = today - 2 * day});
  crypto::issue(
      pki.folder,
      {.name = "expired-coordinator", .role = Role::coordinator, .valid_days = 1, .issued_at = today - 2 * day});
  crypto::issue(pki.folder, {.name = "early", .issued_at = today + 2 * day});
  crypto::init_ca(pki.other_folder, {.key_type = KeyType::p256});
  crypto::issue(pki.other_folder, {.name = "coordinator", .role = Role::coordinator});
  crypto::issue(pki.other_folder, {.name = "alpha"});
  return pki;
}

}  // namespace

const TestPki& test_pki() {
  static const struct Holder {
    TestPki pki = make_pki();
    ~Holder() { std::filesystem::remove_all(pki.folder.parent_path()); }
  } holder;
  return holder.pki;
}

void Driver::turn() {
  if (auto event = server_.receive(soon())) server_events_.push_back(std::move(*event));
  for (ClientTransport* client : clients_)
    if (auto event = client->receive(soon())) client_events_[client].push_back(std::move(*event));
}

Connected Driver::connect(ClientTransport& client) {
  client.connect();
  Connected connected = server_event<Connected>();
  client_event<Up>(client);
  return connected;
}

Bytes noise(std::size_t size, std::uint64_t seed) {
  RngStream random = Rng(seed).stream("noise");
  Bytes bytes(size);
  for (std::uint8_t& byte : bytes) byte = static_cast<std::uint8_t>(random.below(256));
  return bytes;
}

}  // namespace weft::net
