// weft ledger show | verify: what a run's ledger says, and whether it can be believed.
#include <CLI/CLI.hpp>
#include <cstdio>
#include <memory>

#include "cli/commands.h"
#include "coordinator/ledger_report.h"
#include "coordinator/run_folder.h"
#include "worker/receipts.h"

namespace weft::cli {
namespace {

struct Flags {
  std::string folder, ca;
  std::vector<std::string> states;
  bool json = false;
};

coordinator::Ledger open(const Flags& flags) {
  return coordinator::Ledger::open_to_read(coordinator::RunFolder(flags.folder).ledger());
}

int show(const Flags& flags) {
  const coordinator::Ledger ledger = open(flags);
  const auto print = [](const std::string& text) { std::fputs(text.c_str(), stdout); };
  flags.json ? coordinator::write_ledger_json(ledger, print) : print(coordinator::ledger_text(ledger));
  return 0;
}

std::vector<coordinator::NamedReceipt> receipts_in(const std::string& state, const std::string& run_id) {
  std::vector<coordinator::NamedReceipt> receipts;
  for (worker::StoredReceipt& stored : worker::receipts_of(state, run_id))
    receipts.push_back({stored.file.string(), std::move(stored.receipt)});
  if (receipts.empty())
    throw ConfigError("--receipts " + state + ": no receipt of run " + run_id +
                      " there; give the state folder of a site that took part (state: in its site file)");
  return receipts;
}

int verify(const Flags& flags) {
  const coordinator::Ledger ledger = open(flags);
  coordinator::CheckRequest request{.folder = flags.folder};
  if (!flags.ca.empty()) request.ca = flags.ca;
  const std::string run_id = ledger.run() ? ledger.run()->run_id : "";
  for (const std::string& state : flags.states)
    for (coordinator::NamedReceipt& receipt : receipts_in(state, run_id))
      request.receipts.push_back(std::move(receipt));
  const coordinator::CheckResult result = coordinator::check_ledger(ledger, request);
  std::fputs(coordinator::check_text(result).c_str(), stdout);
  return result.faults.empty() ? 0 : 1;
}

void add_show(CLI::App& ledger, Chosen& chosen) {
  CLI::App* command = ledger.add_subcommand("show", "Rounds, who counted in them, and what was refused");
  const auto flags = std::make_shared<Flags>();
  command->add_option("folder", flags->folder, "Folder of a run")->required();
  command->add_flag("--json", flags->json, "All of it as JSON");
  command->footer("Example:\n  weft ledger show runs/first\nThe coordinator may be running meanwhile.");
  command->callback([flags, &chosen] { chosen = [flags] { return show(*flags); }; });
}

void add_verify(CLI::App& ledger, Chosen& chosen) {
  CLI::App* command = ledger.add_subcommand("verify", "Whether the ledger is what the coordinator signed as it went");
  const auto flags = std::make_shared<Flags>();
  command->add_option("folder", flags->folder, "Folder of a run")->required();
  command->add_option("--receipts", flags->states, "State folder of a site, whose receipts are held against it");
  command->add_option("--ca", flags->ca, "ca.crt that must have issued the coordinator's certificates");
  command->footer(
      "Examples:\n"
      "  weft ledger verify runs/first --ca pki/ca.crt\n"
      "  weft ledger verify runs/first --ca pki/ca.crt --receipts state/clinic-b --receipts state/clinic-c\n"
      "Without --ca it is not known whose the key is. Without receipts it is not known whether whoever has the key\n"
      "wrote it anew, or somebody took away its last records and all files that came of them.\n"
      "Exit code 0: all holds; 1: something does not, and each fault is named.");
  command->callback([flags, &chosen] { chosen = [flags] { return verify(*flags); }; });
}

}  // namespace

void add_ledger(CLI::App& app, Chosen& chosen) {
  CLI::App* ledger = app.add_subcommand("ledger", "Show and verify the ledger of a run");
  ledger->require_subcommand(1);
  ledger->footer("Examples:\n  weft ledger show runs/first\n  weft ledger verify runs/first --ca pki/ca.crt");
  add_show(*ledger, chosen);
  add_verify(*ledger, chosen);
}

}  // namespace weft::cli
