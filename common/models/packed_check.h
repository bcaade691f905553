// What every network that reads texts asks of a packed batch.
#pragma once
#include "common/nn/packed.h"

namespace weft::models {

// Throws Failure for a text of no tokens or of more than `positions`, and, on the CPU, for an id outside the
// vocabulary; a device checks its own indices.
void check_packed(const nn::Packed& batch, std::int64_t positions, std::int64_t vocabulary);

}  // namespace weft::models
