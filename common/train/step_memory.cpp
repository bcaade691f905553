// glibc's two thresholds.
#include "common/train/step_memory.h"

#include <malloc.h>

namespace weft::train {

void keep_freed_memory() {
  constexpr int kGiB = 1 << 30;
  mallopt(M_MMAP_THRESHOLD, kGiB);  // from the heap, not from a mapping of its own
  mallopt(M_TRIM_THRESHOLD, kGiB);  // and the heap does not shrink
}

}  // namespace weft::train
