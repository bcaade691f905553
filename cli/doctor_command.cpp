// weft doctor RUN.yaml | SITE.yaml: what would stand in the way of a run, on either side, before it does.
#include <CLI/CLI.hpp>
#include <algorithm>
#include <cstdio>
#include <memory>
#include <nlohmann/json.hpp>

#include "cli/commands.h"
#include "cli/doctor.h"
#include "common/config/yaml_view.h"

namespace weft::cli {
namespace {

struct Flags {
  RunQuestion question;
  bool json = false;
};

const char* name_of(Health health) {
  return health == Health::ok ? "ok" : health == Health::warning ? "warning" : "problem";
}

std::vector<Finding> findings_of(const RunQuestion& question) {
  try {
    if (YamlView::load(question.file, question.overrides).has("sites")) return look_at_run(question);
    return look_at_site({question.file, question.overrides});
  } catch (const ConfigError& error) {  // of the file itself: nothing else can be looked at
    return {{"file", {Health::problem, error.what()}}};
  }
}

void print_json(const std::vector<Finding>& findings, bool sound) {
  nlohmann::ordered_json checks = nlohmann::ordered_json::array();
  for (const auto& [check, verdict] : findings)
    checks.push_back({{"check", check}, {"health", name_of(verdict.health)}, {"text", verdict.text}});
  std::printf("%s\n", nlohmann::ordered_json{{"sound", sound}, {"checks", checks}}.dump().c_str());
}

int examine(const Flags& flags) {
  const std::vector<Finding> findings = findings_of(flags.question);
  const bool sound = std::none_of(findings.begin(), findings.end(),
                                  [](const Finding& finding) { return finding.verdict.health == Health::problem; });
  if (flags.json) {
    print_json(findings, sound);
  } else {
    for (const auto& [check, verdict] : findings)
      std::printf("%-8s %-12s %s\n", name_of(verdict.health), check.c_str(), verdict.text.c_str());
  }
  return sound ? 0 : 1;
}

}  // namespace

void add_doctor(CLI::App& app, Chosen& chosen) {
  CLI::App* command = app.add_subcommand("doctor", "Say what would stand in the way of a run, on either side");
  const auto flags = std::make_shared<Flags>();
  RunQuestion& question = flags->question;
  command->add_option("file", question.file, "RUN.yaml at the coordinator, SITE.yaml at a site")->required();
  command->add_option("--out", question.folder, "Folder of the run, as for weft coordinator");
  command->add_option("--pki", question.pki, "Folder with ca.crt, NAME.crt and NAME.key of the coordinator")
      ->capture_default_str();
  command->add_option("--name", question.name, "Name of the coordinator's certificate")->capture_default_str();
  command->add_option("--set", question.overrides, "Override a key of the file");
  command->add_flag("--json", flags->json, "The findings as one JSON object");
  command->footer(
      "Examples:\n"
      "  weft doctor run.yaml --out runs/first --pki pki     at the coordinator, before it is started\n"
      "  weft doctor site.yaml                               at a site; while the coordinator runs it tells more\n"
      "One line a check: ok, warning, or problem with what to do. Exit code 0: no problem; 1: there is one.\n"
      "Nothing is written, and nothing of a site leaves it but its name and the version of weft.");
  command->callback([flags, &chosen] { chosen = [flags] { return examine(*flags); }; });
}

}  // namespace weft::cli
