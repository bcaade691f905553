// A comparison for people and for machines.
#include <cmath>
#include <nlohmann/json.hpp>

#include "cli/comparison.h"
#include "common/base/file.h"
#include "common/metrics/registry.h"

namespace weft::cli {
namespace {

using Json = nlohmann::ordered_json;

Json number(double value) { return std::isnan(value) ? Json() : Json(value); }

Json to_json(const Comparison& comparison) {
  Json rows = Json::array(), examples = Json::object();
  for (std::size_t site = 0; site < comparison.sites.size(); ++site)
    examples[comparison.sites[site]] = comparison.test_examples[site];
  for (const ComparisonRow& row : comparison.rows) {
    Json values = Json::object();
    for (std::size_t site = 0; site < comparison.sites.size(); ++site)
      values[comparison.sites[site]] = number(row.values[site]);
    rows.push_back({{"name", row.name}, {comparison.metric, values}, {"overall", number(row.overall)}});
  }
  return {{"metric", comparison.metric},
          {"steps_alone", comparison.steps_alone},
          {"steps_pooled", comparison.steps_pooled},
          {"seconds", comparison.seconds},
          {"test_examples", examples},
          {"rows", rows}};
}

// Column 0 is the first site's, the last one the overall.
double value_of(const ComparisonRow& row, std::size_t column) {
  return column < row.values.size() ? row.values[column] : row.overall;
}

}  // namespace

telemetry::Table comparison_table(const Comparison& comparison) {
  std::vector<std::string> header{"test " + metrics::title(comparison.metric)};
  header.insert(header.end(), comparison.sites.begin(), comparison.sites.end());
  header.emplace_back("overall");
  telemetry::Table table(header);
  const std::size_t columns = comparison.sites.size() + 1;
  for (const ComparisonRow& row : comparison.rows) {
    std::vector<std::string> cells{row.name};
    for (std::size_t column = 0; column < columns; ++column) {
      const double value = value_of(row, column);
      cells.push_back(std::isnan(value) ? "-" : metrics::shown(comparison.metric, value));
    }
    table.add_row(cells);
  }
  for (std::size_t column = 0; column < columns; ++column) {
    double best = std::nan("");
    for (const ComparisonRow& row : comparison.rows)
      if (const double value = value_of(row, column);
          std::isnan(best) || metrics::is_better(comparison.metric, value, best))
        best = value;
    for (std::size_t row = 0; row < comparison.rows.size(); ++row)
      if (value_of(comparison.rows[row], column) == best) table.highlight(row, column + 1);
  }
  return table;
}

void add_to_summary(const std::filesystem::path& summary, const Comparison& comparison) {
  const Result<std::string> text = read_text(summary);
  if (!text) throw Failure(text.error().message);
  Json json = Json::parse(text.value(), nullptr, false);
  if (!json.is_object()) throw Failure(summary.string() + ": not a JSON object; the comparison was not added to it");
  json["comparison"] = to_json(comparison);
  if (const Status written = write_atomic(summary, as_bytes(json.dump(2) + "\n")); !written)
    throw Failure(written.error().message);
}

}  // namespace weft::cli
