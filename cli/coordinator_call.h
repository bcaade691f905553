// One short session with a coordinator that asks nothing but what the run is, and what of it there is to fetch.
#pragma once
#include <string>

#include "cli/site_file.h"
#include "common/base/clock.h"
#include "common/wire/messages.h"

namespace weft::cli {

struct Answered {
  crypto::CertificateFacts coordinator;
  Milliseconds handshake{};  // from the first packet to the verified session
  wire::Welcome welcome;
  BaseList base;  // the files of the base model, for a site that is to fetch it
};
// An Error says at which point it went wrong: not reached, refused in the handshake, refused by the run.
// A session of this site's worker would be replaced by this one: call it only where none is running.
Result<Answered> call_coordinator(const SiteFile& site);

}  // namespace weft::cli
