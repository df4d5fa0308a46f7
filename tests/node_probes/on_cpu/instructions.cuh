// The instructions under test, on a CPU: written from the PTX ISA's text alone, in place of the shipped file's assembly.
// A fault can be set: bits that are stuck at 1 in every result of one SM.
#pragma once
#include "types.cuh"

inline u32 result(u32 word) { return current_sm == faulty_sm ? word | stuck_bits : word; }

inline u32 sm_id() { return current_sm; }
inline u32 fma_fp32_bits(u32 a, u32 b, u32 c) {
    return result(__float_as_uint(std::fma(__uint_as_float(a), __uint_as_float(b), __uint_as_float(c))));
}
inline u64 fma_fp64_bits(u64 a, u64 b, u64 c) {
    u64 r = __double_as_longlong(std::fma(__longlong_as_double(a), __longlong_as_double(b), __longlong_as_double(c)));
    return u64(result(u32(r >> 32))) << 32 | result(u32(r));
}
inline u32 imad_low(u32 a, u32 b, u32 c) { return result(a * b + c); }
inline u64 imad_wide(u32 a, u32 b, u64 c) {
    u64 r = u64(a) * b + c;
    return u64(result(u32(r >> 32))) << 32 | result(u32(r));
}

#define UNARY(name, expression)                                    \
    inline u32 name(u32 bits) {                                    \
        double x = __uint_as_float(bits);                          \
        return result(__float_as_uint(float(expression)));         \
    }
UNARY(ex2_bits, std::exp2(x))
UNARY(lg2_bits, std::log2(x))
UNARY(sin_bits, std::sin(x))
UNARY(cos_bits, std::cos(x))
UNARY(rsqrt_bits, 1 / std::sqrt(x))
UNARY(rcp_bits, 1 / x)
UNARY(tanh_bits, std::tanh(x))

struct Fragments {
    u32 a[4], b[2];
};
inline Fragments deposited[1024];

inline float decoded(u32 field, u32 exponent_bits, u32 mantissa_bits) {
    const int bias = (1 << (exponent_bits - 1)) - 1;
    const u32 exponent = field >> mantissa_bits & ((1u << exponent_bits) - 1), mantissa = field & ((1u << mantissa_bits) - 1);
    const float magnitude = exponent ? std::ldexp(1.0f + std::ldexp(float(mantissa), -int(mantissa_bits)), int(exponent) - bias)
                                     : std::ldexp(float(mantissa), 1 - bias - int(mantissa_bits));
    return field >> (exponent_bits + mantissa_bits) & 1 ? -magnitude : magnitude;
}

// Adds in float, from the last product to the first: the shipped operands must make any order right.
template <typename Sum, typename Decode>
void tile(u32 (&d)[4], const u32 (&a)[4], const u32 (&b)[2], u32 elements, Decode decode) {
    const u32 thread = threadIdx.x, warp = thread / 32 * 32, lane = thread % 32, width = 32 / elements;
    for (u32 i = 0; i < 4; ++i) deposited[thread].a[i] = a[i];
    for (u32 i = 0; i < 2; ++i) deposited[thread].b[i] = b[i];
    yield();
    const u32 mask = width == 32 ? ~0u : (1u << width) - 1;
    for (u32 i = 0; i < 4; ++i) {
        const u32 row = lane / 4 + (i >= 2 ? 8 : 0), column = lane % 4 * 2 + i % 2;
        Sum sum = bits_of<Sum>(d[i]);
        for (u32 k = 8 * elements; k-- > 0;) {
            const u32 quad = k % (4 * elements) / elements, half = k / (4 * elements), shift = k % elements * width;
            const u32 of_a = deposited[warp + row % 8 * 4 + quad].a[2 * half + row / 8];
            const u32 of_b = deposited[warp + column * 4 + quad].b[half];
            sum += decode(of_a >> shift & mask) * decode(of_b >> shift & mask);
        }
        d[i] = result(bits_of<u32>(sum));
    }
    yield();
}

#define MMA(name, elements, exponent_bits, mantissa_bits)                                                       \
    inline void name(u32 (&d)[4], const u32 (&a)[4], const u32 (&b)[2]) {                                       \
        tile<float>(d, a, b, elements, [](u32 f) { return decoded(f, exponent_bits, mantissa_bits); });         \
    }
MMA(mma_fp16, 2, 5, 10)
MMA(mma_bf16, 2, 8, 7)
MMA(mma_tf32, 1, 8, 23)
MMA(mma_e4m3, 4, 4, 3)
MMA(mma_e5m2, 4, 5, 2)
inline void mma_int8(u32 (&d)[4], const u32 (&a)[4], const u32 (&b)[2]) {
    tile<int>(d, a, b, 4, [](u32 f) { return int(int8_t(f)); });
}
