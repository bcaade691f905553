// Whether a run may begin or go on in its folder, told before model and data are loaded.
#pragma once
#include <string>
#include <vector>

#include "cli/run_job.h"

namespace weft::cli {

// ConfigError: the folder holds another run, or the run there has other settings, each of which is named with both
// values. Failure: another process holds it.
void check_place(const RunFile& run, const RunPlace& place);
// Of these the one about the settings.
void check_same_settings(const RunFile& run, const std::filesystem::path& folder);

// Where --processes keeps what no one else may read: PKI, data and site files of the simulated sites.
std::filesystem::path private_folder_of(const std::filesystem::path& run_folder);

// "train.batch_size: 8 there, 16 now" for each key of the two canonical YAML texts (YamlView::dump) that differs.
std::vector<std::string> differences(const std::string& there, const std::string& now);

}  // namespace weft::cli
