// Splits a loop over LibTorch's intra-op threads. One source file knows OpenMP, so that no other needs its flag.
// Every piece must write only what its own indices own: then the result's bits do not depend on the thread count.
#pragma once
#include <cstdint>
#include <type_traits>

namespace weft::nn {

using RangeFunction = void (*)(void* context, std::int64_t begin, std::int64_t end);
void parallel_ranges(std::int64_t count, std::int64_t grain, RangeFunction function, void* context);

// body(begin, end) over disjoint ranges that cover [0, count); at least `grain` indices each where there are so many.
template <class Body>
void parallel_for(std::int64_t count, std::int64_t grain, Body&& body) {
  using Plain = std::remove_reference_t<Body>;
  parallel_ranges(
      count, grain,
      [](void* context, std::int64_t begin, std::int64_t end) { (*static_cast<Plain*>(context))(begin, end); },
      const_cast<void*>(static_cast<const void*>(&body)));
}

}  // namespace weft::nn
