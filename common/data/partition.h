// Many sites out of the files of one machine, for simulation. Every example goes to exactly one site; the same seed
// gives the same sites.
//
//   data:
//     sites:
//       by: file        # files: {tweets: t.tsv, films: [f1.tsv, f2.tsv]}
//       by: column      # file(s), column: domain, names: {value: site} (several values may share a site),
//                       # others: drop|error for values that name no site
//       by: iid         # file(s)
//       by: dirichlet   # file(s), alpha: 0.5; the smaller, the more unequal the sites' classes
//       by: shards      # file(s), shards_per_site: 2; sorted by class, cut in equal shards, dealt at random
//       by: sizes       # file(s), sizes: [5, 3, 1]; IID in these proportions
//
// For a division by class an example's class is its label; the first of several; of words the first tag other than "O";
// of regression the tenth that its target is in. Other tasks have one class for all, so that dirichlet makes the sites'
// sizes unequal.
#pragma once
#include <cstdint>
#include <filesystem>
#include <map>
#include <span>
#include <string>
#include <vector>

#include "common/base/rng.h"
#include "common/config/yaml_view.h"
#include "common/data/dataset.h"
#include "common/data/source.h"

namespace weft::data {

struct SitesConfig {
  enum class By { file, column, iid, dirichlet, shards, sizes };
  By by = By::file;
  std::map<std::string, std::vector<std::filesystem::path>> files_of_site;  // by file
  std::vector<std::filesystem::path> files;                                 // all other kinds
  std::string column;                                                       // by column
  std::map<std::string, std::string> site_of_value;                         // by column; a value not here names itself
  bool drop_others = false;                                                 // by column
  double alpha = 0.5;                                                       // by dirichlet
  std::int64_t shards_per_site = 2;                                         // by shards
  std::vector<double> sizes;                                                // by sizes, one a site
};

// Reads `sites:` of the data block; `sites` are the run's, each of which must get data.
SitesConfig parse_sites_config(const YamlView& data, const std::vector<std::string>& sites);

// The sites in the order of `sites`, each cleaned and split. ConfigError naming a site that is left empty.
std::vector<SiteData> load_sites(const DataConfig& config, const SitesConfig& division,
                                 const std::vector<std::string>& sites, const Rng& rng);

// The class of each example, as said above; -1 where several labels are possible and there is none.
std::vector<std::int32_t> division_classes(const std::vector<Example>& examples, const TaskConfig& task);

// The divisions themselves: for each site the indices of its examples, ascending. Together they hold 0..n-1 once.
using Partition = std::vector<std::vector<std::size_t>>;
// Proportions need not sum to 1. Equal ones give an IID partition. Sizes differ from exact by less than one.
Partition partition_by_sizes(std::size_t count, std::span<const double> proportions, const Rng& rng);
// For each label, shares drawn from Dirichlet(alpha, ..., alpha). Source: Hsu et al. 2019, arXiv:1909.06335. Drawn
// again, up to 100 times, while a site has no example.
Partition partition_dirichlet(std::span<const std::int32_t> labels, std::size_t sites, double alpha, const Rng& rng);
// Source: McMahan et al. 2017, arXiv:1602.05629, section 3 (the pathological non-IID partition).
Partition partition_shards(std::span<const std::int32_t> labels, std::size_t sites, std::size_t shards_per_site,
                           const Rng& rng);

}  // namespace weft::data
