// Random numbers from labelled streams, never from call order: Rng(seed).stream("dropout", round, site) gives the
// same numbers whatever ran before, on any thread and any machine. Not for keys or privacy noise.
// Source: Salmon et al. 2011, "Parallel random numbers: as easy as 1, 2, 3", Philox4x32-10.
#pragma once
#include <array>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string_view>
#include <utility>

namespace weft {

// The Philox4x32-10 block function: 128-bit counter and 64-bit key to 128 random bits.
std::array<std::uint32_t, 4> philox4x32(std::array<std::uint32_t, 4> counter, std::array<std::uint32_t, 2> key);

// One stream. Copyable; a copy continues from the same place. One thread at a time.
class RngStream {
 public:
  RngStream(std::uint64_t key, std::uint64_t high) : key_(key), high_(high) {}
  std::uint32_t next_u32();
  std::uint64_t next_u64();
  double uniform();                          // [0, 1), 53 bits
  std::uint64_t below(std::uint64_t bound);  // [0, bound), unbiased; bound > 0
  double normal();                           // mean 0, variance 1 (Box-Muller)
  // Marsaglia-Tsang; shape > 0. For Dirichlet draws.
  double gamma(double shape);
  template <class T>
  void shuffle(std::span<T> items) {  // Fisher-Yates
    for (std::size_t i = items.size(); i > 1; --i) std::swap(items[i - 1], items[below(i)]);
  }
  std::uint64_t key() const { return key_; }

 private:
  std::uint64_t key_, high_, block_ = 0;
  std::array<std::uint32_t, 4> buffer_{};
  int left_ = 0;
};

class Rng {
 public:
  explicit Rng(std::uint64_t seed) : seed_(seed) {}
  // Labels and numbers are hashed together; any change to any of them gives an unrelated stream.
  template <class... Parts>
  RngStream stream(std::string_view label, const Parts&... parts) const {
    std::uint64_t low = mix(seed_, hash(label)), high = mix(low, 0x9e3779b97f4a7c15ULL);
    ((low = mix(low, part(parts)), high = mix(high, low)), ...);
    return {low, high};
  }
  std::uint64_t seed() const { return seed_; }

 private:
  static std::uint64_t mix(std::uint64_t state, std::uint64_t value);
  static std::uint64_t hash(std::string_view text);
  static std::uint64_t part(std::string_view text) { return hash(text); }
  static std::uint64_t part(const char* text) { return hash(text); }
  template <class Int>
  requires std::is_integral_v<Int>
  static std::uint64_t part(Int value) { return static_cast<std::uint64_t>(value); }
  std::uint64_t seed_;
};

}  // namespace weft
