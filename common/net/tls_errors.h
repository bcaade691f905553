// What went wrong in a TLS session, in the words of an operator instead of OpenSSL's. For sources of net only.
#pragma once
#include <string>

#include "common/net/tls_session.h"

struct ssl_st;

namespace weft::net {

inline constexpr const char* kRecordFailure = "record authentication failed (a byte was changed or lost in transit)";

// Of the operation on `ssl` that just failed; empties OpenSSL's error queue. An alert counts as permanent only when
// the peer was verified before it arrived, so that a stranger on the network cannot end a site for good.
TlsEnd explain_failure(const ssl_st* ssl, Side side, bool peer_verified);

}  // namespace weft::net
