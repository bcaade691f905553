#include "cli/evaluation_report.h"

#include <algorithm>
#include <cstdio>
#include <nlohmann/json.hpp>
#include <optional>

#include "common/metrics/confusion.h"
#include "common/metrics/multi_label.h"
#include "common/metrics/registry.h"
#include "common/metrics/token_labels.h"
#include "common/telemetry/table.h"

namespace weft::cli {
namespace {

std::optional<metrics::ConfusionMatrix> confusion_of(const metrics::Tally& tally) {
  const metrics::CountsView counts = tally.find("confusion");
  return counts.empty() ? std::nullopt : std::optional(metrics::ConfusionMatrix(counts));
}

std::string confusion_table(const metrics::ConfusionMatrix& confusion, const std::vector<std::string>& labels) {
  std::vector<std::string> header{"label \\ predicted"};
  for (const std::string& label : labels) header.push_back(label);
  header.insert(header.end(), {"all", "recall"});
  telemetry::Table table(header);
  for (std::size_t label = 0; label < labels.size(); ++label) {
    std::vector<std::string> row{labels[label]};
    double all = 0;
    for (std::size_t guess = 0; guess < labels.size(); ++guess) {
      all += confusion.count(label, guess);
      row.push_back(telemetry::fixed(confusion.count(label, guess), 0));
    }
    row.push_back(telemetry::fixed(all, 0));
    row.push_back(all == 0 ? "-" : telemetry::percent(confusion.count(label, label) / all));
    table.add_row(row);
    table.highlight(label, label + 1);
  }
  return table.text();
}

std::string found_table(const char* what, const std::vector<metrics::Found>& found,
                        const std::vector<std::string>& names) {
  telemetry::Table table({what, "there", "said", "right", "precision", "recall", "F1"});
  const auto part = [](double right, double of) { return of == 0 ? "-" : telemetry::percent(right / of); };
  for (std::size_t i = 0; i < found.size(); ++i) {
    const auto [right, wrong, missed] = found[i];
    table.add_row({names[i], telemetry::fixed(right + missed, 0), telemetry::fixed(right + wrong, 0),
                   telemetry::fixed(right, 0), part(right, right + wrong), part(right, right + missed),
                   telemetry::fixed(metrics::f1(right, wrong, missed), 4)});
  }
  return table.text();
}

}  // namespace

void print_json(const EvaluationReport& report) {
  const train::Score& score = report.score;
  nlohmann::ordered_json json{{"adapter_sha256", report.adapter_sha256},
                              {"base_digest", report.base_digest},
                              {"data", report.data},
                              {"split", report.split},
                              {"examples", score.examples},
                              {"tokens", score.tokens},
                              {"labels", report.labels},
                              {"seconds", score.seconds}};
  for (const auto& [name, value] : metrics::values(score.tally)) json[name] = value;
  if (const auto confusion = confusion_of(score.tally)) {
    nlohmann::ordered_json counts = nlohmann::ordered_json::array();
    for (std::size_t label = 0; label < confusion->classes(); ++label) {
      counts.push_back(nlohmann::ordered_json::array());
      for (std::size_t guess = 0; guess < confusion->classes(); ++guess)
        counts.back().push_back(static_cast<std::uint64_t>(confusion->count(label, guess)));
    }
    json["confusion"] = counts;
  }
  std::printf("%s\n", json.dump().c_str());
}

void print_text(const EvaluationReport& report) {
  const train::Score& score = report.score;
  std::printf("%s\n%s: %s\nscored %llu examples (split: %s; %llu cut at %zu tokens) in %.1f s\n\n", report.name.c_str(),
              report.data.c_str(), report.cleaning.summary().c_str(), static_cast<unsigned long long>(score.examples),
              report.split.c_str(), static_cast<unsigned long long>(report.truncated), report.max_tokens,
              score.seconds);
  const auto values = metrics::listed(score.tally);
  std::size_t width = 0;
  for (const auto& [name, value] : values) width = std::max(width, metrics::title(name).size());
  for (const auto& [name, value] : values)
    std::printf("%-*s  %s\n", static_cast<int>(width), metrics::title(name).c_str(),
                metrics::shown(name, value).c_str());
  if (const auto confusion = confusion_of(score.tally))
    std::printf("\n%s", confusion_table(*confusion, report.labels).c_str());
  if (const auto found = metrics::found_of_labels(score.tally); !found.empty())
    std::printf("\n%s", found_table("label", found, report.labels).c_str());
  if (const auto found = metrics::found_of_entities(score.tally); !found.empty())
    std::printf("\n%s", found_table("entity", found, metrics::entity_types(report.labels)).c_str());
}

}  // namespace weft::cli
