// How many threads LibTorch uses for what the calling thread computes.
#pragma once

namespace weft::train {

// Sets it for the calling thread. A thread's first parallel operation takes over the count that was set last anywhere
// in the process; this makes that happen before, so that threads with different counts do not disturb each other.
void use_threads(int count);

}  // namespace weft::train
