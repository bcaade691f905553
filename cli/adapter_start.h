// adapter.start of a run file: a run that goes on from an adapter on disk, ours or PEFT's.
//
//   adapter:
//     start: path/to/folder       # a PEFT folder, or a run folder that holds one
//
// What is trained follows from the folder's adapter_config.json; other keys of the block may repeat what is there.
#pragma once
#include <string>
#include <vector>

#include "cli/adapter_folder.h"
#include "common/config/yaml_view.h"
#include "common/models/model.h"

namespace weft::cli {

struct AdapterStart {
  FoundAdapter found;
  YamlView block;  // the adapter block that says what the folder holds: what sites get, who have no such folder
};

// Reads the folder that `adapter`, the block of a run file, names. ConfigError: no adapter there, one that cannot be
// gone on from, or a key of the block that says something else.
AdapterStart read_adapter_start(const YamlView& adapter);

// ConfigError: the adapter is for another task.
void check_task(const AdapterStart& start, TaskKind task);

// ConfigError: `labels`, the run's, are those that the adapter tells apart, in another order.
void check_order_of_labels(const AdapterStart& start, const std::vector<std::string>& labels);

// Its tensors, as version 0 of a run on the model of `base`. ConfigError when they are of another base or do not fit
// it.
const StateDict& initial_state_of(const AdapterStart& start, const std::filesystem::path& base,
                                  const models::Model& model);

}  // namespace weft::cli
