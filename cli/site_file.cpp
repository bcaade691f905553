// Reading SITE.yaml.
#include "cli/site_file.h"

#include <algorithm>
#include <fstream>

#include "common/data/source.h"

namespace weft::cli {
namespace {

// The labels that the block itself names; which of them the run knows is told later.
std::vector<std::string> labels_of(const YamlView& data) {
  std::vector<std::string> labels;
  const YamlView label = data.child_or_empty("label");
  if (label.has("ranges")) labels = label.child("ranges").keys();
  if (label.has("map"))
    for (const YamlView map = label.child("map"); const std::string& word : map.keys())
      if (const std::string name = map.text(word); std::find(labels.begin(), labels.end(), name) == labels.end())
        labels.push_back(name);
  return labels;
}

// The file's first line; in csv, more of it while quotes are open.
std::string head_of(const std::filesystem::path& file, data::Format format) {
  std::ifstream stream(file);
  std::string head;
  for (std::string line; std::getline(stream, line);) {
    head += line + "\n";
    if (format != data::Format::csv || std::count(head.begin(), head.end(), '"') % 2 == 0) break;
  }
  return head;
}

// What can be told before the coordinator is asked: keys, files and columns.
void check_data(const YamlView& root) {
  const YamlView block = root.child("data");
  data::DataConfig config = data::parse_data_config(block, labels_of(block));
  root.finish();
  if (config.files.empty()) block.fail("file", "missing, expected a path; or files: with a list of them");
  config.label.drop_unmapped = true;  // a first line may well have another label
  for (const auto& file : config.files) {
    if (!std::filesystem::exists(file)) block.fail("", "there is no file " + file.string());
    data::Cleaner(config).add_text(head_of(file, config.format), file.string());
  }
}

}  // namespace

SiteFile SiteFile::load(const std::filesystem::path& path, const std::vector<std::string>& overrides) {
  const YamlView root = YamlView::load(path, overrides);
  const YamlView identity = root.child("identity");
  SiteFile file{
      .site = {root.text("site")},
      .coordinator = root.text("coordinator"),
      .credentials = {identity.path("ca"), identity.path("certificate"), identity.path("key")},
      .coordinator_name = identity.text("coordinator", ""),
      .model = root.child("model").path("path"),
      .folder = root.path("state"),
      .policy = worker::Policy::parse(root.child_or_empty("policy")),
      .device = root.text("device", "auto"),
      .threads = static_cast<int>(root.integer("threads", 0, {.min = 0, .max = 1024})),
      .root = root,
  };
  if (!valid_site_name(file.site.name))
    root.fail("site", "\"" + file.site.name + "\": expected 1 to 64 letters, digits, '-', '_' or '.'");
  if (!std::filesystem::exists(file.model / "config.json"))
    root.child("model").fail("path", "there is no config.json in " + file.model.string() +
                                         "; expected a Hugging Face folder with the run's base model");
  check_data(root);
  return file;
}

data::SiteData SiteFile::load_data(const data::TaskConfig& task) const {
  const data::DataConfig config = data::parse_data_config(root.child("data"), task);
  root.finish();
  return data::load_site(config, site.name);
}

}  // namespace weft::cli
