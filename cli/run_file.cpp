// Reading RUN.yaml.
#include "cli/run_file.h"

#include <algorithm>
#include <sstream>

#include "common/base/digest.h"

namespace weft::cli {
namespace {

// The blocks that every site must know. Nothing else of the run file leaves the coordinator.
const std::vector<std::string> kShared{"run", "seed", "task", "adapter", "train", "rounds", "threads"};
// In place of "adapter" when the run starts from an adapter on disk: sites do not have the folder.
std::string shared_text(const YamlView& root, const std::optional<AdapterStart>& start) {
  if (!start) return root.dump(kShared);
  std::vector<std::string> others = kShared;
  std::erase(others, "adapter");
  std::string text = root.dump(others) + "adapter:\n";
  std::istringstream block(start->block.dump());
  for (std::string line; std::getline(block, line);) text += "  " + line + "\n";
  return text;
}

// What must stay the same when a run is resumed, beside what the sites know. Sites may come and go, but for a
// simulation they are what its data is divided into.
std::vector<std::string> lasting_keys(const RunFile& file) {
  if (file.simulation) return {"aggregation", "sites", "data"};
  return {"aggregation"};
}

std::vector<SiteId> parse_sites(const YamlView& root) {
  std::vector<SiteId> sites;
  for (const std::string& name : root.texts("sites")) {
    if (!valid_site_name(name))
      root.fail("sites", "\"" + name + "\" cannot be a site's name; expected 1 to 64 letters, digits, '-', '_' or '.'");
    if (std::find(sites.begin(), sites.end(), SiteId{name}) != sites.end())
      root.fail("sites", "\"" + name + "\" is listed twice");
    sites.push_back({name});
  }
  if (sites.empty()) root.fail("sites", "is empty; list the names in the certificates of those who may join");
  return sites;
}

std::optional<double> parse_base_dropout(const YamlView& model) {
  const std::string text = model.text("dropout", "checkpoint");
  if (text == "checkpoint") return std::nullopt;
  return model.number("dropout", {}, {.min = 0, .max = 1, .exclusive_max = true});
}

}  // namespace

Settings Settings::parse(const YamlView& root, const YamlView& adapter) {
  Settings settings;
  settings.run = root.text("run");
  if (!valid_site_name(settings.run))
    root.fail("run", "\"" + settings.run + "\": expected 1 to 64 letters, digits, '-', '_' or '.'");
  settings.seed = static_cast<std::uint64_t>(root.integer("seed", 1, {.min = 0}));
  settings.task = data::parse_task_config(root.child("task"));
  settings.adapter = AdapterConfig::parse(adapter);
  settings.rounds = fl::RoundsConfig::parse(root.child("rounds"));
  settings.train = train::TrainConfig::parse(root.child("train"));
  settings.rounds.local_steps = static_cast<std::uint32_t>(settings.train.local_steps);
  settings.threads = static_cast<int>(root.integer("threads", 1, {.min = 1, .max = 1024}));
  settings.base_dropout = parse_base_dropout(root.child_or_empty("model"));
  return settings;
}

RunFile RunFile::load(const std::filesystem::path& path, const std::vector<std::string>& overrides) {
  const YamlView root = YamlView::load(path, overrides);
  RunFile file;
  const YamlView adapter = root.child("adapter");
  if (adapter.has("start")) file.start = read_adapter_start(adapter);
  file.settings = Settings::parse(root, file.start ? file.start->block : adapter);
  if (file.start) {
    file.settings.adapter_place = place_of(file.start->found);
    check_task(*file.start, file.settings.task.kind);
    check_order_of_labels(*file.start, file.settings.task.labels);
  }
  file.model = root.child("model").path("path");
  file.aggregation = fl::AggregationConfig::parse(root.child_or_empty("aggregation"));
  fl::check_together(root.child("rounds"), file.settings.rounds, file.aggregation);
  file.sites = parse_sites(root);
  file.listen = root.child_or_empty("network").text("listen", "tcp://0.0.0.0:7733");
  file.device = root.text("device", "auto");
  if (root.has("data")) {
    std::vector<std::string> names;
    for (const SiteId& site : file.sites) names.push_back(site.name);
    const YamlView data = root.child("data");
    file.simulation =
        Simulation{data::parse_data_config(data, file.settings.task), data::parse_sites_config(data, names)};
  }
  root.finish();
  file.text = root.dump();
  file.settings_text = shared_text(root, file.start);
  if (file.settings.base_dropout)
    file.settings_text += "model:\n  dropout: " + root.child("model").text("dropout") + "\n";
  file.lasting_text = file.settings_text + root.dump(lasting_keys(file));
  if (file.start) file.lasting_text += "start: " + file.start->found.peft.state.digest() + "\n";
  file.digest = sha256_hex(as_bytes(file.lasting_text));
  return file;
}

}  // namespace weft::cli
