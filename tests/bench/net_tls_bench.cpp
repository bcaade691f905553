// How fast is the secure channel? One TLS stream of 1 GB in 1 MiB messages, both ends in this process as two threads,
// against AES-256-GCM alone on records of 16 KiB on one core, measured in the same run; and handshakes per second.
// Prints one JSON line per figure.
#include <openssl/evp.h>
#include <sys/resource.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <cstdlib>
#include <filesystem>
#include <iostream>
#include <nlohmann/json.hpp>
#include <thread>

#include "common/crypto/pki.h"
#include "common/net/tls_client.h"
#include "common/net/tls_server.h"
#include "common/net/tls_session.h"

namespace {

using namespace weft;
using namespace weft::net;

constexpr std::size_t kMessageBytes = 1 << 20;
constexpr int kMessages = 1000;
constexpr int kWindow = 8;  // messages in flight before one must be acknowledged
constexpr int kRepeats = 3;
constexpr std::size_t kRecordBytes = 16 << 10;

double seconds_since(std::chrono::steady_clock::time_point start) {
  return std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
}

// Of all threads of this process, ZeroMQ's and the kernel's work for them included.
double cpu_seconds() {
  rusage usage{};
  ::getrusage(RUSAGE_SELF, &usage);
  const auto seconds = [](const timeval& time) {
    return static_cast<double>(time.tv_sec) + static_cast<double>(time.tv_usec) / 1e6;
  };
  return seconds(usage.ru_utime) + seconds(usage.ru_stime);
}

[[noreturn]] void fail(const std::string& why) {
  std::cerr << "net_tls_bench: " << why << '\n';
  std::exit(1);
}

// GB/s of sealing and of opening records, each on one core.
struct CipherRate {
  double seal = 0, open = 0;
};

CipherRate measure_cipher() {
  const Bytes key = crypto::random_bytes(32), plain = crypto::random_bytes(kRecordBytes);
  Bytes sealed(kRecordBytes), opened(kRecordBytes), tag(16);
  Bytes nonce(12);
  int size = 0;
  constexpr int kRecords = 40'000;
  EVP_CIPHER_CTX* context = EVP_CIPHER_CTX_new();
  CipherRate rate;
  EVP_EncryptInit_ex(context, EVP_aes_256_gcm(), nullptr, key.data(), nonce.data());
  auto start = std::chrono::steady_clock::now();
  for (int i = 0; i < kRecords; ++i) {
    EVP_EncryptInit_ex(context, nullptr, nullptr, nullptr, nonce.data());
    EVP_EncryptUpdate(context, sealed.data(), &size, plain.data(), kRecordBytes);
    EVP_EncryptFinal_ex(context, sealed.data() + size, &size);
    EVP_CIPHER_CTX_ctrl(context, EVP_CTRL_AEAD_GET_TAG, 16, tag.data());
  }
  rate.seal = kRecords * static_cast<double>(kRecordBytes) / 1e9 / seconds_since(start);
  EVP_DecryptInit_ex(context, EVP_aes_256_gcm(), nullptr, key.data(), nonce.data());
  start = std::chrono::steady_clock::now();
  for (int i = 0; i < kRecords; ++i) {
    EVP_DecryptInit_ex(context, nullptr, nullptr, nullptr, nonce.data());
    EVP_DecryptUpdate(context, opened.data(), &size, sealed.data(), kRecordBytes);
    EVP_CIPHER_CTX_ctrl(context, EVP_CTRL_AEAD_SET_TAG, 16, tag.data());
    if (EVP_DecryptFinal_ex(context, opened.data() + size, &size) != 1) fail("a record did not authenticate");
  }
  rate.open = kRecords * static_cast<double>(kRecordBytes) / 1e9 / seconds_since(start);
  EVP_CIPHER_CTX_free(context);
  return rate;
}

void await_up(TlsClient& client) {
  client.connect();
  const std::optional<ClientEvent> event = client.receive(TimePoint::max());
  if (event && std::holds_alternative<Down>(*event)) fail(std::get<Down>(*event).reason);
}

void send_stream(TlsClient& client, const Bytes& message) {
  await_up(client);
  for (int sent = 0, acknowledged = 0; acknowledged < kMessages;) {
    if (sent < kMessages && sent - acknowledged < kWindow) {
      client.send(message);
      ++sent;
      continue;
    }
    const std::optional<ClientEvent> event = client.receive(TimePoint::max());
    if (event && std::holds_alternative<Message>(*event)) ++acknowledged;
    if (event && std::holds_alternative<Down>(*event)) fail(std::get<Down>(*event).reason);
  }
}

struct StreamRate {
  double gigabytes_per_second = 0;
  double cpu_seconds_per_gigabyte = 0;  // both ends; does not suffer from other load on the machine as the rate does
};

// One stream from a site to the coordinator.
StreamRate measure_stream(TlsServer& server, const crypto::CredentialFiles& site) {
  const Bytes message = crypto::random_bytes(kMessageBytes);
  TlsClient client({.endpoint = server.endpoint(), .credentials = site});
  const std::jthread sender([&] { send_stream(client, message); });
  std::chrono::steady_clock::time_point start;
  double cpu_start = 0;
  for (int received = 0; received < kMessages;) {
    const std::optional<ServerEvent> event = server.receive(TimePoint::max());
    if (!event) continue;
    if (std::holds_alternative<Connected>(*event)) {
      start = std::chrono::steady_clock::now();
      cpu_start = cpu_seconds();
    }
    if (const auto* end = std::get_if<Disconnected>(&*event); end != nullptr && received > 0) fail(end->reason);
    const auto* arrived = std::get_if<Received>(&*event);
    if (arrived == nullptr) continue;
    if (arrived->message.size() != kMessageBytes) fail("a message arrived short");
    ++received;
    server.send(arrived->session, as_bytes("ack"));
  }
  constexpr double kGigabytes = static_cast<double>(kMessages) * kMessageBytes / 1e9;
  return {kGigabytes / seconds_since(start), (cpu_seconds() - cpu_start) / kGigabytes};
}

// Full mutual handshakes per second, both ends in one thread, without sockets.
double measure_handshakes(const crypto::CredentialFiles& coordinator, const crypto::CredentialFiles& site) {
  const TlsContext server_context(Side::server, coordinator), client_context(Side::client, site);
  BufferPool pool;
  constexpr int kHandshakes = 300;
  const auto start = std::chrono::steady_clock::now();
  for (int i = 0; i < kHandshakes; ++i) {
    TlsSession server(server_context, {}, pool), client(client_context, {}, pool);
    while (!client.established() && !client.ended()) {
      server.feed(client.take_output().bytes());
      client.feed(server.take_output().bytes());
    }
    if (!client.established()) fail(client.ended()->reason);
  }
  return kHandshakes / seconds_since(start);
}

}  // namespace

int main() {
  const auto folder = std::filesystem::temp_directory_path() / ("weft_net_tls_bench_" + std::to_string(::getpid()));
  crypto::init_ca(folder);
  const auto coordinator = crypto::issue(folder, {.name = "coordinator", .role = crypto::Role::coordinator});
  const auto site = crypto::issue(folder, {.name = "site"});
  const auto site_p256 = crypto::issue(folder, {.name = "site-p256", .key_type = crypto::KeyType::p256});
  TlsServer server({.endpoint = "tcp://127.0.0.1:*", .credentials = coordinator});
  CipherRate cipher;
  StreamRate stream{0, 1e9};
  for (int i = 0; i < kRepeats; ++i) {  // interleaved, best of each: other load on the machine hits both alike
    const CipherRate rate = measure_cipher();
    cipher.seal = std::max(cipher.seal, rate.seal);
    cipher.open = std::max(cipher.open, rate.open);
    const StreamRate once = measure_stream(server, site);
    stream.gigabytes_per_second = std::max(stream.gigabytes_per_second, once.gigabytes_per_second);
    stream.cpu_seconds_per_gigabyte = std::min(stream.cpu_seconds_per_gigabyte, once.cpu_seconds_per_gigabyte);
  }
  const auto print = [](const char* name, double value, const char* unit) {
    std::cout << nlohmann::json{{"name", std::string("net_tls.") + name}, {"value", value}, {"unit", unit}}
              << std::endl;
  };
  print("tls_stream", stream.gigabytes_per_second, "GB/s");
  print("tls_stream_cpu", stream.cpu_seconds_per_gigabyte, "CPU s/GB");
  print("aes_256_gcm_seal_one_core", cipher.seal, "GB/s");
  print("aes_256_gcm_open_one_core", cipher.open, "GB/s");
  print("tls_stream_share_of_aes_256_gcm", stream.gigabytes_per_second / std::min(cipher.seal, cipher.open), "ratio");
  print("handshakes_ed25519", measure_handshakes(coordinator, site), "1/s");
  print("handshakes_p256_site", measure_handshakes(coordinator, site_p256), "1/s");
  std::filesystem::remove_all(folder);
}
