// What SIGHUP changes of a run that goes on: who may join, by the run file, and who may not, by the CA's list.
#pragma once
#include <atomic>
#include <string>
#include <vector>

#include "cli/run_file.h"
#include "common/net/tls_server.h"
#include "coordinator/coordinator.h"

namespace weft::cli {

class Reload {
 public:
  struct Source {
    std::string file;
    std::vector<std::string> overrides;
  };
  // `run`: as it was read from there. `server` outlives this.
  Reload(Source source, RunFile run, net::TlsServer& server)
      : source_(std::move(source)), run_(std::move(run)), server_(server) {}
  void ask();  // any thread
  // Reads both files anew if that was asked for. What cannot be used leaves things as they are and is said in the log.
  void apply(coordinator::Coordinator& coordinator);

 private:
  void revoke(coordinator::Coordinator& coordinator);
  void change_sites(coordinator::Coordinator& coordinator);

  Source source_;
  RunFile run_;
  net::TlsServer& server_;
  std::atomic<bool> asked_ = false;
};

}  // namespace weft::cli
