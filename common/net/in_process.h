// The transport of a simulation: queues between threads of one process, with the semantics of the TLS transport.
// Traffic counts payload bytes. The hub may die before or after its transports.
#pragma once
#include <memory>

#include "common/net/transport.h"

namespace weft::net {

class InProcessHub {
 public:
  InProcessHub();
  ~InProcessHub();
  // The one server; WEFT_CHECKs that it is asked for once. When it is destroyed all clients go down.
  std::unique_ptr<ServerTransport> server();
  // Any number, from any thread. Clients that connect() before the server is made wait for it.
  std::unique_ptr<ClientTransport> client(SiteId site);

  struct State;  // private to in_process.cpp

 private:
  std::shared_ptr<State> state_;
};

}  // namespace weft::net
