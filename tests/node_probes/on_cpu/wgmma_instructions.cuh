// Hopper's warpgroup products on a CPU: written from the PTX ISA's text alone, in place of the shipped file's assembly.
// Operands are found in shared memory by their descriptors, byte by byte, and products added from the last k to the
// first. What was stored is seen only after the storing threads' fence, as through the async proxy.
#pragma once
#include "types.cuh"

#define OPERANDS_IN_SHARED(name) static u32* const name = stored_operands

inline u32 stored_operands[16 * 1024], visible_operands[16 * 1024];

inline u32 shared_address(const u32* at) { return u32(4 * (at - stored_operands)); }
inline void publish_to_wgmma() { std::memcpy(visible_operands, stored_operands, sizeof stored_operands); }
inline void wgmma_fence() {}
inline void wgmma_commit() {}
inline void wgmma_wait_for_all_but_one() {}
inline void wgmma_wait_for_all(u32 (&)[128]) {}

struct Matrix {
    u32 start, leading_bytes, stride_bytes;

    explicit Matrix(u64 bits)
        : start(u32(bits & 0x3FFF) * 16), leading_bytes(u32(bits >> 16 & 0x3FFF) * 16),
          stride_bytes(u32(bits >> 32 & 0x3FFF) * 16) {}

    u32 element(u32 row, u32 k, u32 bytes) const {
        const u32 byte = k * bytes;
        const u32 at = start + row / 8 * stride_bytes + row % 8 * 16 + byte / 16 * leading_bytes + byte % 16;
        u32 field = 0;
        std::memcpy(&field, reinterpret_cast<const char*>(visible_operands) + at, bytes);
        return field;
    }
};

template <typename Sum, u32 BYTES, typename Decode>
void product(u32 (&d)[128], u64 a_bits, u64 b_bits, bool adds, Sum sign, Decode decode) {
    const Matrix a(a_bits), b(b_bits);
    const u32 lane = threadIdx.x % 32, warp = threadIdx.x / 32 % 4;
    for (u32 i = 0; i < 128; ++i) {
        const u32 row = 16 * warp + lane / 4 + (i % 4 >= 2 ? 8 : 0), column = i / 4 * 8 + lane % 4 * 2 + i % 2;
        Sum sum = adds ? bits_of<Sum>(d[i]) : Sum(0);
        for (u32 k = 32 / BYTES; k-- > 0;) {
            sum += sign * decode(a.element(row, k, BYTES)) * decode(b.element(column, k, BYTES));
        }
        d[i] = result(bits_of<u32>(sum));
    }
}

template <u32 EXPONENT_BITS, u32 MANTISSA_BITS>
float looked_up(u32 field) {
    static std::vector<float> values;
    if (values.empty()) {
        for (u32 f = 0; f < 1u << (1 + EXPONENT_BITS + MANTISSA_BITS); ++f) {
            values.push_back(decoded(f, EXPONENT_BITS, MANTISSA_BITS));
        }
    }
    return values[field];
}

#define WGMMA(name, bytes, decode)                                                      \
    inline void wgmma_add_##name(u32 (&d)[128], u64 a, u64 b, bool adds) {              \
        product<float, bytes>(d, a, b, adds, 1.0f, decode);                             \
    }                                                                                   \
    inline void wgmma_subtract_##name(u32 (&d)[128], u64 a, u64 b, bool adds) {         \
        product<float, bytes>(d, a, b, adds, -1.0f, decode);                            \
    }
inline float of_tf32(u32 field) { return __uint_as_float(field & 0xFFFFE000u); }
WGMMA(fp16, 2, (looked_up<5, 10>))
WGMMA(bf16, 2, (looked_up<8, 7>))
WGMMA(tf32, 4, of_tf32)
WGMMA(e4m3, 1, (looked_up<4, 3>))
WGMMA(e5m2, 1, (looked_up<5, 2>))
inline void wgmma_add_int8(u32 (&d)[128], u64 a, u64 b, bool adds) {
    product<int, 1>(d, a, b, adds, 1, [](u32 field) { return int(int8_t(field)); });
}
