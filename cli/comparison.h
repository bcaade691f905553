// What federation is worth: the base model, each site alone, all data pooled and the federated adapter, scored on
// every site's test split. Alone and pooled train as a federated site does, on as many steps: each site alone takes
// rounds x local_steps, the pooled data sites x rounds x local_steps, which is what all sites of a run take together.
// Of each the checkpoint with the best validation score is kept, as the federated run keeps its best round.
#pragma once
#include <cstdint>
#include <filesystem>
#include <functional>
#include <stop_token>
#include <string>
#include <vector>

#include "cli/local_job.h"
#include "common/telemetry/table.h"

namespace weft::cli {

struct ComparedSite {
  std::string name;
  const train::EncodedSplits* data = nullptr;
};

// All pointers are borrowed.
struct ComparisonJob {
  const Settings* settings = nullptr;
  const Base* base = nullptr;
  std::vector<ComparedSite> sites;
  const StateDict* initial = nullptr;    // version 0
  const StateDict* federated = nullptr;  // the run's best version
  int threads = 1;                       // of a site that trains alone, and of every score
  int cores = 1;                         // to use at once
};

struct ComparisonRow {
  std::string name;            // "base", "<site> alone", "federated", "pooled"
  std::vector<double> values;  // on each site's test split; NaN where that is empty
  double overall = 0;          // over all sites' examples together
};

struct Comparison {
  std::string metric;  // the task's primary one, of which the values are
  std::vector<std::string> sites;
  std::vector<std::uint64_t> test_examples;  // of each site
  std::uint64_t steps_alone = 0, steps_pooled = 0;
  std::vector<ComparisonRow> rows;
  double seconds = 0;
};

using Say = std::function<void(const std::string&)>;

// `say` gets a line for people now and then, one at a time, from any thread. Throws Failure when stopped.
Comparison compare(const ComparisonJob& job, const Say& say, std::stop_token stop = {});

// The values of the task's primary metric: a row each, a column each site and "overall"; the best of every column
// highlighted.
telemetry::Table comparison_table(const Comparison& comparison);

// Adds it as "comparison" to a summary.json, in one step. Throws Failure.
void add_to_summary(const std::filesystem::path& summary, const Comparison& comparison);

}  // namespace weft::cli
