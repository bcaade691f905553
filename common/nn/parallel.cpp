// The only file compiled with OpenMP: at::parallel_for is a plain loop in any other.
#include "common/nn/parallel.h"

#include <ATen/Parallel.h>

namespace weft::nn {

#ifndef _OPENMP
#error "parallel.cpp needs -fopenmp: without it every kernel would run on one thread"
#endif

void parallel_ranges(std::int64_t count, std::int64_t grain, RangeFunction function, void* context) {
  at::parallel_for(0, count, grain, [&](std::int64_t begin, std::int64_t end) { function(context, begin, end); });
}

}  // namespace weft::nn
