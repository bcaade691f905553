// The `sites:` block: reading it, and giving every site of a run its examples.
#include <algorithm>
#include <numeric>

#include "common/base/joined.h"
#include "common/data/partition.h"

namespace weft::data {
namespace {

bool contains(const std::vector<std::string>& names, const std::string& name) {
  return std::find(names.begin(), names.end(), name) != names.end();
}

void parse_by_file(const YamlView& view, const std::vector<std::string>& sites, SitesConfig& config) {
  const YamlView files = view.child("files");
  for (const auto& site : files.keys()) {
    if (!contains(sites, site)) files.fail(site, "is not among the sites of the run: " + joined(sites));
    config.files_of_site[site] = files.paths(site);
  }
  for (const auto& site : sites) {
    if (config.files_of_site.count(site) == 0 || config.files_of_site[site].empty()) {
      view.fail("files", "no file for the site \"" + site + "\"; add it, or take the site out of `sites`");
    }
  }
}

void parse_by_column(const YamlView& view, const std::vector<std::string>& sites, SitesConfig& config) {
  config.column = view.text("column");
  const YamlView names = view.child_or_empty("names");
  for (const auto& value : names.keys()) {
    const std::string site = names.text(value);
    if (!contains(sites, site))
      names.fail(value, "\"" + site + "\" is not among the sites of the run: " + joined(sites));
    config.site_of_value[value] = site;
  }
  config.drop_others = view.choice("others", {"drop", "error"}, "error") == "drop";
}

void parse_sizes(const YamlView& view, const std::vector<std::string>& sites, SitesConfig& config) {
  config.sizes = view.numbers("sizes");
  if (config.sizes.size() != sites.size()) {
    view.fail("sizes", "got " + std::to_string(config.sizes.size()) + " sizes, expected one for each of the " +
                           std::to_string(sites.size()) + " sites");
  }
  if (std::any_of(config.sizes.begin(), config.sizes.end(), [](double size) { return !(size > 0); })) {
    view.fail("sizes", "expected numbers > 0");
  }
}

std::vector<Example> examples_of(std::vector<Record> records) {
  std::vector<Example> examples;
  examples.reserve(records.size());
  for (auto& record : records) examples.push_back(std::move(record.example));
  return examples;
}

SiteData load_one(const DataConfig& config, const std::string& site, const std::vector<std::filesystem::path>& files) {
  DataConfig own = config;
  own.files = files;
  return load_site(own, site);
}

std::vector<SiteData> load_by_column(const DataConfig& config, const SitesConfig& division,
                                     const std::vector<std::string>& sites) {
  GroupRule groups{division.column, {}, division.drop_others};
  groups.site_of_value.insert(division.site_of_value.begin(), division.site_of_value.end());
  for (const auto& site : sites) groups.site_of_value.try_emplace(site, site);
  Cleaner cleaner(config, std::move(groups));
  for (const auto& file : division.files) cleaner.add_file(file);
  std::map<std::string, std::vector<Example>> examples;
  for (auto& record : cleaner.take()) examples[record.group].push_back(std::move(record.example));
  std::vector<SiteData> out;
  for (const auto& site : sites) {
    out.push_back(make_site(config, site, std::move(examples[site]), cleaner.report(site)));
  }
  return out;
}

Partition divide(const SitesConfig& division, std::span<const std::int32_t> labels, std::size_t sites, const Rng& rng) {
  switch (division.by) {
    case SitesConfig::By::dirichlet:
      return partition_dirichlet(labels, sites, division.alpha, rng);
    case SitesConfig::By::shards:
      return partition_shards(labels, sites, static_cast<std::size_t>(division.shards_per_site), rng);
    case SitesConfig::By::sizes:
      return partition_by_sizes(labels.size(), division.sizes, rng);
    default:
      return partition_by_sizes(labels.size(), std::vector<double>(sites, 1.0), rng);
  }
}

std::vector<SiteData> load_divided(const DataConfig& config, const SitesConfig& division,
                                   const std::vector<std::string>& sites, const Rng& rng) {
  Cleaner cleaner(config);
  for (const auto& file : division.files) cleaner.add_file(file);
  std::vector<Example> pool = examples_of(cleaner.take());
  const std::vector<std::int32_t> labels = division_classes(pool, config.task);
  const Partition partition = divide(division, labels, sites.size(), rng);
  std::vector<SiteData> out;
  for (std::size_t i = 0; i < sites.size(); ++i) {
    std::vector<Example> own;
    for (std::size_t index : partition[i]) own.push_back(std::move(pool[index]));
    // What the pool's cleaning dropped belongs to no site; it is told at the first.
    CleaningReport report = i == 0 ? cleaner.report() : CleaningReport{};
    if (i == 0) report.read -= report.kept;
    report.read += own.size();
    report.kept = own.size();
    out.push_back(make_site(config, sites[i], std::move(own), report));
  }
  return out;
}

}  // namespace

SitesConfig parse_sites_config(const YamlView& data, const std::vector<std::string>& sites) {
  const YamlView view = data.child("sites");
  for (const char* key : {"file", "files"}) {
    if (data.has(key)) data.fail(key, "given beside sites, which names the files; move it into sites, or remove it");
  }
  const std::string by = view.choice("by", {"file", "column", "iid", "dirichlet", "shards", "sizes"});
  SitesConfig config;
  using By = SitesConfig::By;
  static const std::map<std::string, By> kKinds = {{"file", By::file},     {"column", By::column},
                                                   {"iid", By::iid},       {"dirichlet", By::dirichlet},
                                                   {"shards", By::shards}, {"sizes", By::sizes}};
  config.by = kKinds.at(by);
  if (config.by == By::file) {
    parse_by_file(view, sites, config);
    return config;
  }
  config.files = files_of(view);
  if (config.files.empty()) view.fail("", "file or files is missing, expected the data to divide");
  if (config.by == By::column) parse_by_column(view, sites, config);
  if (config.by == By::dirichlet) {
    config.alpha = view.number("alpha", config.alpha, {.min = 0, .max = 1e6, .exclusive_min = true});
  }
  if (config.by == By::shards) {
    config.shards_per_site = view.integer("shards_per_site", config.shards_per_site, {.min = 1, .max = 10'000});
  }
  if (config.by == By::sizes) parse_sizes(view, sites, config);
  return config;
}

std::vector<SiteData> load_sites(const DataConfig& config, const SitesConfig& division,
                                 const std::vector<std::string>& sites, const Rng& rng) {
  if (division.by == SitesConfig::By::column) return load_by_column(config, division, sites);
  if (division.by != SitesConfig::By::file) return load_divided(config, division, sites, rng);
  std::vector<SiteData> out;
  for (const auto& site : sites) out.push_back(load_one(config, site, division.files_of_site.at(site)));
  return out;
}

}  // namespace weft::data
