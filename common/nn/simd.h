// Fixed-width vectors and run-time choice of instruction set for the fused kernels. A kernel is a template over the
// number of floats in a register, written once with the compiler's vector types; run_kernel compiles it for AVX-512,
// AVX2 and the baseline and picks one by what the processor has. Sums run in an order fixed by the width, so the same
// machine gives the same bits.
#pragma once
#include <cstdint>
#include <cstring>

// Vectors never cross a real call: everything here is inlined into the kernel that uses it.
#pragma GCC diagnostic ignored "-Wpsabi"
#define WEFT_INLINE inline __attribute__((always_inline))

namespace weft::nn {

// GCC wants literal sizes here, so the three widths are spelled out.
template <int W>
struct Registers;
#define WEFT_REGISTERS(width)                                           \
  template <>                                                           \
  struct Registers<width> {                                             \
    typedef float Vec __attribute__((vector_size(width * 4)));          \
    typedef std::int32_t Int __attribute__((vector_size(width * 4)));   \
    typedef std::uint16_t Half __attribute__((vector_size(width * 2))); \
    typedef std::uint64_t Wide __attribute__((vector_size(width * 4))); \
  };
WEFT_REGISTERS(4)
WEFT_REGISTERS(8)
WEFT_REGISTERS(16)
#undef WEFT_REGISTERS

template <int W>
struct Simd {
  using Vec = typename Registers<W>::Vec;    // W floats
  using Int = typename Registers<W>::Int;    // W 32-bit integers
  using Half = typename Registers<W>::Half;  // W 16-bit numbers, half a register
  using Wide = typename Registers<W>::Wide;  // W / 2 64-bit numbers

  static WEFT_INLINE Vec load(const float* from) {
    Vec value;
    std::memcpy(&value, from, sizeof(value));
    return value;
  }
  static WEFT_INLINE void store(float* to, Vec value) { std::memcpy(to, &value, sizeof(value)); }
  static WEFT_INLINE Vec all(float value) { return value - Vec{}; }
  static WEFT_INLINE Vec select(Int mask, Vec yes, Vec no) { return mask ? yes : no; }
  static WEFT_INLINE Vec max(Vec a, Vec b) { return a > b ? a : b; }
  static WEFT_INLINE Vec min(Vec a, Vec b) { return a < b ? a : b; }
  static WEFT_INLINE float sum(Vec value) {
    float lanes[W];
    std::memcpy(lanes, &value, sizeof(value));
    for (int half = W / 2; half > 0; half /= 2)
      for (int i = 0; i < half; ++i) lanes[i] += lanes[i + half];
    return lanes[0];
  }
  static WEFT_INLINE float largest(Vec value) {
    float lanes[W];
    std::memcpy(lanes, &value, sizeof(value));
    for (int half = W / 2; half > 0; half /= 2)
      for (int i = 0; i < half; ++i) lanes[i] = lanes[i] > lanes[i + half] ? lanes[i] : lanes[i + half];
    return lanes[0];
  }

  // e^x for x <= 88; relative error below 2e-7; 0 below -87.
  static WEFT_INLINE Vec exp(Vec x) {
    const Vec clamped = max(x, all(-87.3F));
    const Vec shifted = clamped * 1.44269504F + 12582912.0F;  // 1.5·2^23: the low bits hold round(x / ln 2)
    const Vec n = shifted - 12582912.0F;
    const Vec r = (clamped - n * 0.693359375F) + n * 2.12194440e-4F;  // ln 2 in two parts
    Vec p = all(1.9875691500e-4F);
    p = p * r + 1.3981999507e-3F;
    p = p * r + 8.3334519073e-3F;
    p = p * r + 4.1665795894e-2F;
    p = p * r + 1.6666665459e-1F;
    p = p * r + 5.0000001201e-1F;
    p = p * (r * r) + r + 1.0F;
    const Int bits = (reinterpret_bits(shifted) << 23) + reinterpret_bits(p);
    return select(x < -87.3F, Vec{}, from_bits(bits));
  }
  static WEFT_INLINE Int reinterpret_bits(Vec value) { return (Int)value; }
  static WEFT_INLINE Vec from_bits(Int bits) { return (Vec)bits; }

  // W factors, 0 or scale, from W 16-bit draws.
  static WEFT_INLINE Vec factors(const std::uint16_t* draws, std::int32_t threshold, float scale) {
    Half half;
    std::memcpy(&half, draws, sizeof(half));
    const Int wide = __builtin_convertvector(half, Int);
    return (Vec)((wide >= threshold) & (Int)all(scale));
  }
};

enum class Isa { baseline, avx2, avx512 };
Isa isa();  // of this processor

#if defined(__x86_64__)
template <class Kernel, class... Args>
__attribute__((target("avx512f,avx512bw,avx512dq,avx512vl,avx2,fma"))) void run_avx512(Args... args) {
  Kernel::template run<16>(args...);
}
template <class Kernel, class... Args>
__attribute__((target("avx2,fma"))) void run_avx2(Args... args) {
  Kernel::template run<8>(args...);
}
#endif

// Kernel is a type with `template <int W> static WEFT_INLINE void run(args...)`. Its row lengths are multiples of 16.
template <class Kernel, class... Args>
void run_kernel(Args... args) {
#if defined(__x86_64__)
  switch (isa()) {
    case Isa::avx512:
      return run_avx512<Kernel>(args...);
    case Isa::avx2:
      return run_avx2<Kernel>(args...);
    case Isa::baseline:
      break;
  }
#endif
  Kernel::template run<4>(args...);
}

}  // namespace weft::nn
