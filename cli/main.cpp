// weft: one binary for coordinator, workers and simulation.
#include <CLI/CLI.hpp>
#include <cstdio>
#include <set>
#include <string>

#include "cli/commands.h"
#include "common/base/log.h"
#include "common/base/nearest.h"
#include "common/base/result.h"

namespace {

// "Did you mean X?" for each word that is no command or flag and is near one.
std::string suggestions(const CLI::App& app) {
  const CLI::App* asked = &app;
  while (!asked->get_subcommands().empty()) asked = asked->get_subcommands().front();
  std::set<std::string> known;
  for (const CLI::App* command : asked->get_subcommands([](const CLI::App*) { return true; }))
    known.insert(command->get_name());
  for (const CLI::Option* option : asked->get_options())
    for (const std::string& name : option->get_lnames()) known.insert("--" + name);
  std::string text;
  for (const std::string& word : app.remaining(/*recurse=*/true))
    if (const std::string near = weft::nearest(word.substr(0, word.find('=')), known); !near.empty())
      text.append("Did you mean ").append(near).append("?\n");
  return text;
}

}  // namespace

int main(int argc, char** argv) {
  CLI::App app{
      "Weft: federated fine-tuning. Sites train adapters on private data; only updates leave them, encrypted."};
  app.require_subcommand(0, 1);
  app.footer(
      "Examples:\n"
      "  weft simulate configs/sentiment.yaml --out runs/sentiment          all sites in this process\n"
      "  weft simulate configs/sentiment.yaml --out runs/s2 --processes     one process a site, over TLS\n"
      "  weft pki init && weft pki issue coordinator --coordinator --host fl.example.org\n"
      "  weft coordinator run.yaml --out runs/first --pki pki               on the server\n"
      "  weft worker site.yaml                                              at a site\n"
      "Each command has its own --help. Exit code 2: a file or flag is wrong; 1: the command failed.");
  bool version = false;
  app.add_flag("--version", version, "Print versions of Weft and what it links, and the devices it can use");
  std::function<int()> chosen;
  weft::cli::add_simulate(app, chosen);
  weft::cli::add_coordinator(app, chosen);
  weft::cli::add_worker(app, chosen);
  weft::cli::add_pki(app, chosen);
  weft::cli::add_ledger(app, chosen);
  weft::cli::add_doctor(app, chosen);
  weft::cli::add_evaluate(app, chosen);
  weft::cli::add_export(app, chosen);
  weft::cli::add_generate(app, chosen);
  try {
    app.parse(argc, argv);
    if (version) return weft::cli::print_version();
    if (chosen) return chosen();
    std::fputs(app.help().c_str(), stdout);
    return 0;
  } catch (const CLI::ParseError& error) {
    const int code = app.exit(error);
    std::fputs(suggestions(app).c_str(), stderr);
    return code == 0 ? 0 : 2;
  } catch (const weft::ConfigError& error) {
    weft::log::error(error.what());
    return 2;
  } catch (const std::exception& error) {
    weft::log::error(error.what());
    return 1;
  }
}
