// Reading SITE.yaml.
#include "cli/site_file.h"

#include "common/data/source.h"

namespace weft::cli {
SiteFile SiteFile::load(const std::filesystem::path& path, const std::vector<std::string>& overrides) {
  const YamlView root = YamlView::load(path, overrides);
  const YamlView identity = root.child("identity");
  SiteFile file{
      .site = {root.text("site")},
      .coordinator = root.text("coordinator"),
      .credentials = {identity.path("ca"), identity.path("certificate"), identity.path("key")},
      .coordinator_name = identity.text("coordinator", ""),
      .model = root.child("model").path("path"),
      .fetch_model = root.boolean("fetch_model", false),
      .folder = root.path("state"),
      .policy = worker::Policy::parse(root.child_or_empty("policy")),
      .device = root.text("device", "auto"),
      .threads = static_cast<int>(root.integer("threads", 0, {.min = 0, .max = 1024})),
      .root = root,
      .data = YamlView::load(path, overrides).child("data"),
  };
  if (!valid_site_name(file.site.name))
    root.fail("site", "\"" + file.site.name + "\": expected 1 to 64 letters, digits, '-', '_' or '.'");
  const bool missing = file.model_is_missing();
  if (!std::filesystem::exists(file.model / "config.json") && !(missing && file.fetch_model))
    root.child("model").fail(
        "path", "there is no config.json in " + file.model.string() +
                    "; expected a Hugging Face folder with the run's base model" +
                    (missing ? ". With  fetch_model: true  the worker takes it from the coordinator" : ""));
  data::check_data_block(root.child("data"));
  root.finish();
  return file;
}

bool SiteFile::model_is_missing() const {
  return !std::filesystem::exists(model) || (std::filesystem::is_directory(model) && std::filesystem::is_empty(model));
}

data::SiteData SiteFile::load_data(const data::TaskConfig& task) const {
  const data::DataConfig config = data::parse_data_config(data, task);
  data.finish();
  return data::load_site(config, site.name);
}

}  // namespace weft::cli
