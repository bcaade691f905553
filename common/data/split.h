// The split by hash.
#pragma once
#include <string>
#include <vector>

#include "common/data/dataset.h"

namespace weft::data {

// What of an example makes another one its copy: all but labels, tags and target.
std::string copy_hash(const Example& example);

// Which split an example is in depends on what it shows alone (its text and pair, its words, its messages, or its
// picture whatever the caption): it never moves when others come or go, and copies at two sites are in the same split.
// The label is left out, so a corrected label does not move it either.
enum class Split { train, validation, test };
Split split_of(const Example& example, double validation, double test);
Splits split(std::vector<Example> examples, double validation, double test);

}  // namespace weft::data
