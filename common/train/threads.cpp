// LibTorch's per-thread initialisation, then the count.
#include "common/train/threads.h"

#include <ATen/Parallel.h>

namespace weft::train {

void use_threads(int count) {
  at::internal::lazy_init_num_threads();
  at::set_num_threads(count);
}

}  // namespace weft::train
