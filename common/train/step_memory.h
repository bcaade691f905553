// A training step makes and frees the same tensors as the one before. glibc hands memory of that size back to the
// kernel and asks for it again page by page, which costs 6 % of a step of MiniLM on two cores; kept, it costs nothing.
#pragma once

namespace weft::train {

// For the whole process, once, before it trains: freed memory is kept for the next step. The resident set then stays at
// its peak.
void keep_freed_memory();

}  // namespace weft::train
