// RUN.yaml: the one file of a federated job. Each component parses its own block; this gathers them and decides
// which part of the file every site must know.
#pragma once
#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <vector>

#include "cli/adapter_start.h"
#include "common/adapter/adapter_config.h"
#include "common/base/ids.h"
#include "common/config/yaml_view.h"
#include "common/data/partition.h"
#include "common/data/source.h"
#include "common/data/task_config.h"
#include "common/fl/config.h"
#include "common/train/train_config.h"

namespace weft::cli {

// What coordinator and sites share, and all that a site learns of the run file: read from the run file by the
// coordinator and from Welcome's settings by a worker, by the same code.
struct Settings {
  std::string run;
  std::uint64_t seed = 0;
  data::TaskConfig task;
  std::optional<double> base_dropout;  // nullopt: as in the checkpoint's config
  AdapterConfig adapter;
  std::string adapter_place = "adapter.";  // see ModelRequest
  train::TrainConfig train;
  fl::RoundsConfig rounds;
  int threads = 1;  // of a site's training; a site's own file may say otherwise
  static Settings parse(const YamlView& root) { return parse(root, root.child("adapter")); }
  // With another adapter block in place of the root's.
  static Settings parse(const YamlView& root, const YamlView& adapter);
};

// Where simulated sites' data comes from.
struct Simulation {
  data::DataConfig data;
  data::SitesConfig sites;
};

struct RunFile {
  Settings settings;
  std::string settings_text;  // YAML of the shared blocks
  std::string text;           // the whole resolved file, paths absolute
  std::string lasting_text;   // YAML of what must stay the same over a run's life: all but network and device
  std::string digest;         // of that
  std::filesystem::path model;
  std::optional<AdapterStart> start;  // adapter.start; absent: a fresh adapter
  fl::AggregationConfig aggregation;
  std::vector<SiteId> sites;
  std::string listen;
  std::string device;
  std::optional<Simulation> simulation;  // the `data:` block; absent in a deployment
  static RunFile load(const std::filesystem::path& path, const std::vector<std::string>& overrides);
};

}  // namespace weft::cli
