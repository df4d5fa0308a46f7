// Fused multiply-add: chains in which every result decides the next operand.
//
// Each step takes sign and mantissa of `a` from the chain's state, computes r = a * b + c with one rounding, and mixes
// r's bits into the state by s * odd + r, which loses nothing: a wrong r makes a wrong state, and that all later steps.
// The slots of a set differ in their exponents: normal, large alignment shift, near cancellation, denormal operand,
// denormal product, denormal addend, overflow to infinity, all mantissa bits set. NaN cannot arise. PTX ISA 9.x, 9.7.3.6,
// fma: ".rn: mantissa LSB rounds to nearest even", and subnormal numbers are supported unless .ftz is asked for.
// A chain finds a fault but hides which bit it was in, so every slot's first result is also an output of its own.
// The twin is fma.py.
#include "pinned_probe.cuh"

#define THREADS 256
#define STEPS 128
#define MIX 0x9E3779B1u
#define MIX_WIDE 0x9E3779B97F4A7C15ull

// Per slot: the lowest exponent field of a, b and c, each with the mask of its random part. Field 0 is denormal.
struct Exponents {
    u32 a, a_mask, b, b_mask, c, c_mask;
};

__device__ __forceinline__ constexpr Exponents fp32_exponents(u32 slot) {
    return slot == 0   ? Exponents{120, 15, 120, 15, 120, 15}
           : slot == 1 ? Exponents{127, 0, 127, 0, 103, 31}
           : slot == 2 ? Exponents{127, 1, 127, 0, 127, 1}
           : slot == 3 ? Exponents{0, 0, 200, 31, 60, 31}
           : slot == 4 ? Exponents{30, 7, 90, 7, 0, 1}
           : slot == 5 ? Exponents{60, 7, 60, 7, 0, 0}
           : slot == 6 ? Exponents{251, 3, 128, 3, 250, 3}
                       : Exponents{127, 3, 127, 3, 127, 3};
}

__device__ __forceinline__ constexpr Exponents fp64_exponents(u32 slot) {
    return slot == 0   ? Exponents{1016, 15, 1016, 15, 1016, 15}
           : slot == 1 ? Exponents{1023, 0, 1023, 0, 960, 127}
           : slot == 2 ? Exponents{1023, 1, 1023, 0, 1023, 1}
                       : Exponents{1023, 3, 1023, 3, 1023, 3};
}

__device__ __forceinline__ u32 fp32_operand(u32 bits, u32 lowest, u32 mask, u32 random) {
    return (bits & 0x807FFFFFu) | ((lowest + (random & mask)) << 23);
}

__device__ __forceinline__ u64 fp64_operand(u64 bits, u32 lowest, u32 mask, u32 random) {
    return (bits & 0x800FFFFFFFFFFFFFull) | (u64(lowest + (random & mask)) << 52);
}

// Words 0 to 7: the slots' first results. Word 8: the chain's state.
struct FmaFp32 {
    static constexpr u32 SLOTS = 8;
    __device__ __forceinline__ void operator()(u64 seed, u32 set, u32 (&words)[SLOTS + 1]) const {
        u32 a[SLOTS], b[SLOTS], c[SLOTS];
        u32 state = u32(draw(seed, set, threadIdx.x, 2 * SLOTS));
#pragma unroll
        for (u32 slot = 0; slot < SLOTS; ++slot) {
            const Exponents e = fp32_exponents(slot);
            u64 bits = draw(seed, set, threadIdx.x, 2 * slot), random = draw(seed, set, threadIdx.x, 2 * slot + 1);
            u32 fill = slot == SLOTS - 1 ? 0x007FFFFFu : 0u;
            a[slot] = (e.a + (u32(random >> 32) & e.a_mask)) << 23;
            b[slot] = fp32_operand(u32(bits) | fill, e.b, e.b_mask, u32(random));
            c[slot] = fp32_operand(u32(bits >> 32) | fill, e.c, e.c_mask, u32(random) >> 16);
            words[slot] = fma_fp32_bits(((state ^ b[slot]) & 0x807FFFFFu) | a[slot], b[slot], c[slot]);
        }
#pragma unroll 1
        for (u32 step = 0; step < STEPS; step += SLOTS) {
#pragma unroll
            for (u32 slot = 0; slot < SLOTS; ++slot)
                state = state * MIX + fma_fp32_bits((state & 0x807FFFFFu) | a[slot], b[slot], c[slot]);
        }
        words[SLOTS] = state;
    }
};

// Words 0 to 7: low and high halves of the slots' first results. Words 8 and 9: those of the chain's state.
struct FmaFp64 {
    static constexpr u32 SLOTS = 4;
    __device__ __forceinline__ void operator()(u64 seed, u32 set, u32 (&words)[2 * SLOTS + 2]) const {
        u64 a[SLOTS], b[SLOTS], c[SLOTS];
        u64 state = draw(seed, set, threadIdx.x, 3 * SLOTS);
#pragma unroll
        for (u32 slot = 0; slot < SLOTS; ++slot) {
            const Exponents e = fp64_exponents(slot);
            u64 random = draw(seed, set, threadIdx.x, 3 * slot);
            u64 fill = slot == SLOTS - 1 ? 0x000FFFFFFFFFFFFFull : 0ull;
            a[slot] = u64(e.a + (u32(random >> 32) & e.a_mask)) << 52;
            b[slot] = fp64_operand(draw(seed, set, threadIdx.x, 3 * slot + 1) | fill, e.b, e.b_mask, u32(random));
            c[slot] = fp64_operand(draw(seed, set, threadIdx.x, 3 * slot + 2) | fill, e.c, e.c_mask, u32(random) >> 16);
            u64 first = fma_fp64_bits(((state ^ b[slot]) & 0x800FFFFFFFFFFFFFull) | a[slot], b[slot], c[slot]);
            words[2 * slot] = u32(first);
            words[2 * slot + 1] = u32(first >> 32);
        }
#pragma unroll 1
        for (u32 step = 0; step < STEPS; step += SLOTS) {
#pragma unroll
            for (u32 slot = 0; slot < SLOTS; ++slot)
                state = state * MIX_WIDE + fma_fp64_bits((state & 0x800FFFFFFFFFFFFFull) | a[slot], b[slot], c[slot]);
        }
        words[2 * SLOTS] = u32(state);
        words[2 * SLOTS + 1] = u32(state >> 32);
    }
};

// Words 0 to 7: first results, a low product and the halves of a wide one by turns. Word 8: the chain's state.
struct Imad {
    static constexpr u32 SLOTS = 8;
    __device__ __forceinline__ void operator()(u64 seed, u32 set, u32 (&words)[SLOTS + 1]) const {
        u32 b[SLOTS], c[SLOTS];
        u32 state = u32(draw(seed, set, threadIdx.x, SLOTS));
#pragma unroll
        for (u32 slot = 0; slot < SLOTS; ++slot) {
            u64 bits = draw(seed, set, threadIdx.x, slot);
            b[slot] = u32(bits) | 1u;
            c[slot] = u32(bits >> 32);
            u64 wide = imad_wide(state, b[slot], (u64(c[slot]) << 32) | b[slot]);
            words[slot] = slot % 3 == 0 ? imad_low(state, b[slot], c[slot]) : slot % 3 == 1 ? u32(wide) : u32(wide >> 32);
        }
#pragma unroll 1
        for (u32 step = 0; step < STEPS; step += SLOTS) {
#pragma unroll
            for (u32 slot = 0; slot < SLOTS; ++slot) {
                u64 wide = imad_wide(state, b[slot], (u64(c[slot]) << 32) | b[slot]);
                state = imad_low(state, b[slot], u32(wide) ^ u32(wide >> 32));
            }
        }
        words[SLOTS] = state;
    }
};

PINNED_KERNEL(fma_fp32, THREADS, 9, FmaFp32())
PINNED_KERNEL(fma_fp64, THREADS, 10, FmaFp64())
PINNED_KERNEL(imad, THREADS, 9, Imad())
