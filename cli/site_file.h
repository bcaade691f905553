// SITE.yaml: what a site's administrator writes. Where the coordinator is, who this site is, which model and data it
// holds, and what it accepts.
#pragma once
#include <filesystem>
#include <string>
#include <vector>

#include "common/base/ids.h"
#include "common/config/yaml_view.h"
#include "common/crypto/pki.h"
#include "common/data/dataset.h"
#include "worker/policy.h"

namespace weft::cli {

struct SiteFile {
  SiteId site;
  std::string coordinator;  // endpoint
  crypto::CredentialFiles credentials;
  std::string coordinator_name;  // name or host that the coordinator's certificate must carry; empty: any of the CA's
  std::filesystem::path model;   // Hugging Face folder
  bool fetch_model = false;      // from the coordinator, where that folder is missing or empty
  std::filesystem::path folder;  // the worker's own state: finished updates until they are committed
  worker::Policy policy;
  std::string device;
  int threads = 0;  // 0: as the run file says
  YamlView root;    // of the file
  YamlView data;    // its `data:` block, parsed when the run's task is known
  // The site's examples, cleaned and split. Throws ConfigError, also for keys of the block that are of other tasks.
  data::SiteData load_data(const data::TaskConfig& task) const;
  bool model_is_missing() const;
  std::vector<std::filesystem::path> data_files() const { return data.paths(data.has("files") ? "files" : "file"); }
  // All of the file is checked that can be without the run: keys, model folder unless it may be fetched, and whether
  // data files are there.
  static SiteFile load(const std::filesystem::path& path, const std::vector<std::string>& overrides);
};

}  // namespace weft::cli
