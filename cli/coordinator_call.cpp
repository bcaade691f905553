#include "cli/coordinator_call.h"

#include "common/net/tls_client.h"
#include "weft_version.h"

namespace weft::cli {
namespace {

constexpr Milliseconds kPatience{15'000};  // longer than a handshake may take, which ends with a reason of its own
constexpr const char* kQuestions =
    "; is it running, is its address right (coordinator:), and is the way there open to outgoing TCP?";

}  // namespace

Result<Answered> call_coordinator(const SiteFile& site) {
  net::TlsClient client(
      {.endpoint = site.coordinator, .credentials = site.credentials, .coordinator_name = site.coordinator_name});
  const SystemClock clock;
  const TimePoint began = clock.now();
  Answered answered;
  client.connect();
  while (const auto event = client.receive(began + kPatience)) {
    if (const auto* down = std::get_if<net::Down>(&*event))
      return Error{down->reason + (down->permanent ? "" : kQuestions)};
    if (const auto* up = std::get_if<net::Up>(&*event)) {
      Result<crypto::CertificateFacts> facts = crypto::facts_of_pem(up->certificate);
      if (!facts) return facts.error();
      answered.coordinator = std::move(facts).value();
      answered.handshake = std::chrono::duration_cast<Milliseconds>(clock.now() - began);
      client.send(wire::encode(wire::Hello{.weft_version = WEFT_VERSION}));
      continue;
    }
    const Result<wire::Message> message = wire::decode(std::get<net::Message>(*event).bytes);
    if (!message) return Error{"the coordinator broke the protocol: " + message.error().message};
    if (const auto* refused = std::get_if<wire::Refused>(&message.value()))
      return Error{"the coordinator refuses this site: " + refused->reason};
    if (const auto* welcome = std::get_if<wire::Welcome>(&message.value())) {
      answered.welcome = *welcome;
      if (!site.fetch_model || !site.model_is_missing()) return answered;
      client.send(wire::encode(wire::FetchBase{}));
    }
    if (const auto* base = std::get_if<wire::BaseFiles>(&message.value())) {
      answered.base = base->files;
      return answered;
    }
  }
  return Error{"no answer from " + site.coordinator + " within " + std::to_string(kPatience.count() / 1000) + " s" +
               kQuestions};
}

}  // namespace weft::cli
