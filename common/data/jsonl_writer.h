// A site's examples as JSON lines, so that a simulated site can run as a process of its own. Reading them back gives
// the same splits in the same order. By task:
//   sequence_classification  {"text": ..., "text_pair": ..., "label": "positive"}, or ["several", "labels"], or a
//   number token_classification     {"words": [...], "tags": [...]} causal_lm                {"text": ...} or
//   {"messages": [{"role": ..., "content": ...}]} image_classification     {"image": "/path" or {"width": ...,
//   "height": ..., "grey": ...}, "label": ...} image_text               {"image": ..., "text": ...}
#pragma once
#include <filesystem>
#include <string>
#include <vector>

#include "common/data/dataset.h"
#include "common/data/source.h"

namespace weft::data {

// Throws Failure when the disk refuses.
void write_jsonl(const std::filesystem::path& path, const Splits& splits, const TaskConfig& task);

// The `data:` block of a site file that reads such a file with the splits of `config`, as YAML lines below "data:".
std::string jsonl_data_block(const DataConfig& config, const std::filesystem::path& path);

}  // namespace weft::data
