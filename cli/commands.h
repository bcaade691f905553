// The subcommands. Each adds its flags to the app and, when it is the one called, sets `chosen` to what runs it.
// A command returns its exit code; ConfigError (2) and other exceptions (1) are turned into codes by main.
#pragma once
#include <functional>

namespace CLI {
class App;
}

namespace weft::cli {

using Chosen = std::function<int()>;

void add_simulate(CLI::App& app, Chosen& chosen);
void add_coordinator(CLI::App& app, Chosen& chosen);
void add_worker(CLI::App& app, Chosen& chosen);
void add_pki(CLI::App& app, Chosen& chosen);
void add_ledger(CLI::App& app, Chosen& chosen);
void add_doctor(CLI::App& app, Chosen& chosen);
void add_evaluate(CLI::App& app, Chosen& chosen);
void add_export(CLI::App& app, Chosen& chosen);
void add_generate(CLI::App& app, Chosen& chosen);
int print_version();

}  // namespace weft::cli
