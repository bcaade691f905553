// weft coordinator RUN.yaml: the server's process.
#include <CLI/CLI.hpp>
#include <cstdio>

#include "cli/commands.h"
#include "cli/reload.h"
#include "cli/run_job.h"
#include "cli/run_place.h"
#include "cli/signals.h"
#include "common/base/log.h"
#include "common/net/tls_server.h"

namespace weft::cli {
namespace {

struct Flags {
  std::string run_file, folder, pki = "pki", name = "coordinator";
  std::vector<std::string> overrides;
  RunPlace place;
  bool launched = false;
};

int serve(Flags& flags) {
  StopOnSignal signals;
  log::set_prefix(flags.name);
  const RunFile run = RunFile::load(flags.run_file, flags.overrides);
  flags.place.folder = flags.folder;
  check_place(run, flags.place);
  // The port is taken before the model is loaded: what is wrong with it is said at once.
  const crypto::CredentialFiles credentials = crypto::credential_files(flags.pki, flags.name);
  net::TlsServer server({.endpoint = run.listen, .credentials = credentials});
  const crypto::Signer signer(credentials);
  Reload reload({flags.run_file, flags.overrides}, run, server);
  const OnHangup on_hangup(signals, [&] { reload.ask(); });
  const Base base = load_base(run.settings, run.model, at::kCPU);
  const auto say_open = [&] {
    log::info("run \"" + run.settings.run + "\" waits for " + std::to_string(run.sites.size()) + " sites at " +
              server.endpoint());
  };
  std::optional<std::filesystem::path> ca;  // of whoever has signed the ledger so far
  if (!flags.launched) ca = credentials.ca;
  const auto result = run_coordinator(run, base, flags.place, server,
                                      {.stop = signals.token(),
                                       .opened = say_open,
                                       .between = [&](coordinator::Coordinator& it) { reload.apply(it); },
                                       .signer = signer,
                                       .ca = ca});
  if (!result.finished) {
    log::warn("stopped before the end; the same command with --resume goes on from the last committed round");
    return 0;
  }
  if (!flags.place.json && !flags.launched) std::fputs(result_text(flags.folder).c_str(), stdout);
  return 0;
}

}  // namespace

void add_coordinator(CLI::App& app, Chosen& chosen) {
  CLI::App* command = app.add_subcommand("coordinator", "Serve a run: schedule rounds, average the sites' updates");
  const auto flags = std::make_shared<Flags>();
  command->add_option("run_file", flags->run_file, "RUN.yaml: the run (see examples/run.yaml)")->required();
  command->add_option("--out", flags->folder, "Folder of the run: ledger, adapter, summary")->required();
  command->add_option("--pki", flags->pki, "Folder with ca.crt, NAME.crt and NAME.key")->capture_default_str();
  command->add_option("--name", flags->name, "Name of the coordinator's certificate")->capture_default_str();
  command->add_flag("--resume", flags->place.resume, "Go on with the run in the folder; begin it where there is none");
  command->add_flag("--json", flags->place.json, "Events as JSON lines on stdout");
  command->add_flag("--launched", flags->launched, "By a simulation: it shows the result, and its CA is made anew")
      ->group("");
  command->add_option("--set", flags->overrides, "Override a key of the run file: --set train.learning_rate=1e-3");
  command->footer(
      "Examples:\n"
      "  weft coordinator run.yaml --out runs/first --pki pki\n"
      "  weft coordinator run.yaml --out runs/first --pki pki --resume   after a crash, or always\n"
      "SIGINT or SIGTERM stops it without losing a committed round; a second one ends it at once. SIGHUP reads the\n"
      "run file's sites and the CA's revocation list (ca.crl) anew.");
  command->callback([flags, &chosen] { chosen = [flags] { return serve(*flags); }; });
}

}  // namespace weft::cli
