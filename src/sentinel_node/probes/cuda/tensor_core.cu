// Tensor cores by mma.sync, one 16x8 tile per warp, in six operand formats.
//
// The order in which a tensor core adds is not documented, so operands are made such that every order gives the same
// bits: within a row of A, and within a column of B, all elements share one exponent, so that all products of a dot
// product are multiples of one unit; and of the two factors one has all mantissa bits, the other few enough that four
// accumulated tiles stay below 2^22 units (2^13 for fp8, whose adders are narrower). The roles change with every step.
// By set number modulo 4: 0 and 1 random, 2 a single product per dot product with (nearly) all bits on both sides,
// 3 all mantissa bits set. Signs are always random, exponents random per row and column.
//
// No operand is denormal, infinite or NaN, for PTX promises no more: "The accumulation order, rounding, and handling of
// subnormal inputs are unspecified" (PTX ISA 9.x, 9.7.14.5.14, mma, "Precision and rounding", for f16, bf16, tf32 and
// fp8). Products are exact, sums are kept "with at least single precision", but for fp8 on Hopper, which is reported to
// keep 14 bits. For int8 a sum that overflowed would wrap; none does.
//
// Each group of four steps accumulates into the same tile, whose bits then decide all later operands by way of a state
// that loses nothing (see fma.cu). The first tile is an output of its own, to show which bit of a fault.
// The twin is tensor_core.py.
#include "pinned_probe.cuh"

#define THREADS 256
#define GROUPS 8
#define STEPS 4
#define MIX 0x9E3779B1u

// ELEMENTS per register, and masks that keep sign and mantissa: all of it, for dense sets, and for single products.
template <u32 ELEMENTS_, u32 WIDE_, u32 NARROW_, u32 MEDIUM_, u32 SHIFT_, u32 A_LOW_, u32 A_MASK_, u32 B_LOW_, u32 B_MASK_>
struct Format {
    static constexpr u32 ELEMENTS = ELEMENTS_, WIDE = WIDE_, NARROW = NARROW_, MEDIUM = MEDIUM_, SHIFT = SHIFT_;
    static constexpr u32 A_LOW = A_LOW_, A_MASK = A_MASK_, B_LOW = B_LOW_, B_MASK = B_MASK_;
    static constexpr u32 SIGNS = ELEMENTS == 1 ? 0x80000000u : ELEMENTS == 2 ? 0x80008000u : 0x80808080u;
    static constexpr u32 REPEAT = ELEMENTS == 1 ? 1u : ELEMENTS == 2 ? 0x00010001u : 0x01010101u;
};

#define MMA_OPERATION(instruction)                                                                    \
    static __device__ __forceinline__ void mma(u32 (&d)[4], const u32 (&a)[4], const u32 (&b)[2]) { \
        instruction(d, a, b);                                                                       \
    }

struct Fp16 : Format<2, 0x83FF83FFu, 0x83808380u, 0x83FC83FCu, 10, 1, 15, 15, 15> {
    MMA_OPERATION(mma_fp16)
};
struct Bf16 : Format<2, 0x807F807Fu, 0x807F807Fu, 0x807F807Fu, 7, 100, 31, 110, 31> {
    MMA_OPERATION(mma_bf16)
};
struct Tf32 : Format<1, 0x807FE000u, 0x807C0000u, 0x807F8000u, 23, 100, 31, 110, 31> {
    MMA_OPERATION(mma_tf32)
};
#if __CUDA_ARCH__ >= 890
struct E4m3 : Format<4, 0x87878787u, 0x84848484u, 0x87878787u, 3, 1, 7, 7, 7> {
    MMA_OPERATION(mma_e4m3)
};
struct E5m2 : Format<4, 0x83838383u, 0x82828282u, 0x83838383u, 2, 1, 15, 15, 15> {
    MMA_OPERATION(mma_e5m2)
};
#endif
struct Int8 : Format<4, 0xFFFFFFFFu, 0xFFFFFFFFu, 0xFFFFFFFFu, 0, 0, 0, 0, 0> {
    MMA_OPERATION(mma_int8)
};

// A sum that cancels is +0 or -0 by the adder's design, which is not documented: both count as 0.
template <typename F>
__device__ __forceinline__ u32 without_zero_sign(u32 bits) {
    return F::SHIFT != 0 && (bits << 1) == 0 ? 0u : bits;
}

// The bits of the one element that a register may keep where each row of A has a single product, or none.
template <typename F>
__device__ __forceinline__ u32 single_element(u32 row, u32 half, u32 step) {
    const u32 first = half * 4 * F::ELEMENTS + (threadIdx.x & 3) * F::ELEMENTS;
    const u32 element = (row + 5 * step) % (8 * F::ELEMENTS) - first;
    const u32 width = 32 / F::ELEMENTS;
    return element < F::ELEMENTS ? (F::ELEMENTS == 1 ? 0xFFFFFFFFu : ((1u << width) - 1u) << (element * width)) : 0u;
}

// Words 0 to 3: the first tile. Word 4: the state.
template <typename F>
struct TensorCore {
    __device__ __forceinline__ void operator()(u64 seed, u32 set, u32 (&words)[5]) const {
        const u32 warp = threadIdx.x >> 5, group = (threadIdx.x >> 2) & 7;
        u32 a_random[4], b_random[2], a_exponent[2], b_exponent;
#pragma unroll
        for (u32 r = 0; r < 2; ++r) {
            u64 bits = draw(seed, set, threadIdx.x, r);
            a_random[2 * r] = u32(bits);
            a_random[2 * r + 1] = u32(bits >> 32);
            u32 field = F::A_LOW + (u32(draw(seed, set, warp * 16 + group + 8 * r, 8)) & F::A_MASK);
            a_exponent[r] = (field << F::SHIFT) * F::REPEAT;
        }
        u64 bits = draw(seed, set, threadIdx.x, 2);
        b_random[0] = u32(bits);
        b_random[1] = u32(bits >> 32);
        b_exponent = ((F::B_LOW + (u32(draw(seed, set, warp * 8 + group, 9)) & F::B_MASK)) << F::SHIFT) * F::REPEAT;

        const u32 fill = (set & 3) == 3 ? ~F::SIGNS : 0u;
        const bool is_single = (set & 3) == 2;
        const u32 few = is_single ? F::MEDIUM : F::NARROW;
        u32 state = u32(draw(seed, set, threadIdx.x, 3));
#pragma unroll 1
        for (u32 turn = 0; turn < GROUPS; ++turn) {
            u32 d[4] = {0, 0, 0, 0};
#pragma unroll
            for (u32 step = 0; step < STEPS; ++step) {
                const u32 feedback = __funnelshift_l(state, state, 7 * step);
                const u32 a_keep = step & 1 ? few : F::WIDE, b_keep = step & 1 ? F::WIDE : few;
                u32 a[4], b[2];
#pragma unroll
                for (u32 r = 0; r < 4; ++r) {
                    a[r] = (((a_random[r] ^ feedback) | fill) & a_keep) | a_exponent[r & 1];
                    if (is_single) a[r] &= single_element<F>(group + 8 * (r & 1), r >> 1, step);
                }
#pragma unroll
                for (u32 r = 0; r < 2; ++r) b[r] = (((b_random[r] ^ feedback) | fill) & b_keep) | b_exponent;
                F::mma(d, a, b);
                if (turn == 0 && step == 0) {
#pragma unroll
                    for (u32 j = 0; j < 4; ++j) words[j] = without_zero_sign<F>(d[j]);
                }
            }
#pragma unroll
            for (u32 j = 0; j < 4; ++j) state = state * MIX + without_zero_sign<F>(d[j]);
        }
        words[4] = state;
    }
};

PINNED_KERNEL(tensor_fp16, THREADS, 5, TensorCore<Fp16>())
PINNED_KERNEL(tensor_bf16, THREADS, 5, TensorCore<Bf16>())
PINNED_KERNEL(tensor_tf32, THREADS, 5, TensorCore<Tf32>())
#if __CUDA_ARCH__ >= 890
PINNED_KERNEL(tensor_fp8_e4m3, THREADS, 5, TensorCore<E4m3>())
PINNED_KERNEL(tensor_fp8_e5m2, THREADS, 5, TensorCore<E5m2>())
#endif
PINNED_KERNEL(tensor_int8, THREADS, 5, TensorCore<Int8>())
