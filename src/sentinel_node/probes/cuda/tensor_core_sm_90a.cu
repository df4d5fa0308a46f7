// Tensor cores of Hopper by wgmma, as libraries use them: both operands come from shared memory, products are
// asynchronous, and a warpgroup of 128 threads holds a tile of 64 by 256 in registers. Two warpgroups share B.
//
// Operands are exact in any order of addition, as in tensor_core.cu: within a row of A, and within a column of the
// product, all elements share one exponent; of the two factors one has all mantissa bits and the other few, by set.
// They are laid out once for each repetition; 4 chunks of 32 bytes along K give 16 different products of chunks.
//
// With T(m) = the sum of A(s) * B((s + m) mod 4) over the chunks s, a repetition computes T(0), and then subtracts and
// adds T(1), T(2), ... in turn. So at most two T are in the accumulators, which stay below 2^22 units (2^13 for fp8,
// which Hopper sums with 14 bits), however long that goes on, and what is left is T(0) and every error that did not
// happen twice with opposite signs. Integers are added both times, since they cannot be negated.
//
// Word j of the output is the XOR of accumulators 16j to 16j + 15, which shows the bit of a fault; word 8 is a state of
// all of them that loses nothing. No operand is denormal, infinite or NaN. The twin is wgmma.py.
#include "pinned_probe.cuh"
#include "wgmma_instructions.cuh"

#define THREADS 256
#define WORDS 9
#define CHUNKS 4
#define MIX 0x9E3779B1u
#ifndef PAIRS
#define PAIRS 32
#endif

// In bytes: a core matrix is 8 rows of 16 bytes; the second half of a chunk's K follows it, then come the next 8 rows.
#define ALONG_K 128u
#define ALONG_ROWS 256u
#define A_CHUNK 2048u  // 64 rows
#define B_CHUNK 8192u  // 256 rows
#define B_BEGIN (2 * CHUNKS * A_CHUNK)

// As in tensor_core.cu; the masks keep fewer bits, as two sums of four tiles are accumulated here.
template <u32 ELEMENTS_, u32 WIDE_, u32 NARROW_, u32 MEDIUM_, u32 SHIFT_, u32 A_LOW_, u32 A_MASK_, u32 B_LOW_, u32 B_MASK_>
struct Format {
    static constexpr u32 ELEMENTS = ELEMENTS_, WIDE = WIDE_, NARROW = NARROW_, MEDIUM = MEDIUM_, SHIFT = SHIFT_;
    static constexpr u32 A_LOW = A_LOW_, A_MASK = A_MASK_, B_LOW = B_LOW_, B_MASK = B_MASK_;
    static constexpr u32 SIGNS = ELEMENTS == 1 ? 0x80000000u : ELEMENTS == 2 ? 0x80008000u : 0x80808080u;
    static constexpr u32 REPEAT = ELEMENTS == 1 ? 1u : ELEMENTS == 2 ? 0x00010001u : 0x01010101u;
};

#define PRODUCTS(added, subtracted)                                                               \
    static __device__ __forceinline__ void add(u32 (&d)[128], u64 a, u64 b, bool adds) {          \
        added(d, a, b, adds);                                                                     \
    }                                                                                             \
    static __device__ __forceinline__ void subtract(u32 (&d)[128], u64 a, u64 b) { subtracted(d, a, b, true); }

struct Fp16 : Format<2, 0x83FF83FFu, 0x83808380u, 0x83FC83FCu, 10, 1, 15, 15, 15> {
    PRODUCTS(wgmma_add_fp16, wgmma_subtract_fp16)
};
struct Bf16 : Format<2, 0x807F807Fu, 0x807C807Cu, 0x807F807Fu, 7, 100, 31, 110, 31> {
    PRODUCTS(wgmma_add_bf16, wgmma_subtract_bf16)
};
struct Tf32 : Format<1, 0x807FE000u, 0x80780000u, 0x807F8000u, 23, 100, 31, 110, 31> {
    PRODUCTS(wgmma_add_tf32, wgmma_subtract_tf32)
};
struct E4m3 : Format<4, 0x87878787u, 0x80808080u, 0x87878787u, 3, 1, 7, 7, 7> {
    PRODUCTS(wgmma_add_e4m3, wgmma_subtract_e4m3)
};
struct E5m2 : Format<4, 0x83838383u, 0x82828282u, 0x83838383u, 2, 1, 15, 15, 15> {
    PRODUCTS(wgmma_add_e5m2, wgmma_subtract_e5m2)
};
struct Int8 : Format<4, 0xFFFFFFFFu, 0xFFFFFFFFu, 0xFFFFFFFFu, 0, 0, 0, 0, 0> {
    PRODUCTS(wgmma_add_int8, wgmma_add_int8)
};

// Where 16 bytes of a row lie: `column` counts them along K, two to a chunk.
__device__ __forceinline__ u32 place(u32 row, u32 column, u32 chunk_bytes) {
    return column / 2 * chunk_bytes + row / 8 * ALONG_ROWS + column % 2 * ALONG_K + row % 8 * 16;
}

// What the matrix descriptor says of a tile: bits 0 to 13 where it begins, 16 to 29 and 32 to 45 the two strides, all
// in units of 16 bytes; 62 and 63 are 0 for a layout without swizzling.
__device__ __forceinline__ u64 descriptor(u32 address) {
    return u64((address & 0x3FFFFu) >> 4) | u64(ALONG_K >> 4) << 16 | u64(ALONG_ROWS >> 4) << 32;
}

// What the elements of one row are made of.
template <typename F>
struct Row {
    u64 seed;
    u32 set, lane, exponent, keep, fill, only;  // `only`: the one element that is not 0; NONE for all

    __device__ __forceinline__ u32 word(u32 random, u32 number) const {
        const u32 value = ((random | fill) & keep) | exponent;
        if (only == NONE) return value;
        const u32 element = only - number * F::ELEMENTS, width = 32 / F::ELEMENTS;
        if (element >= F::ELEMENTS) return 0u;
        return F::ELEMENTS == 1 ? value : value & (((1u << width) - 1u) << (element * width));
    }

    __device__ __forceinline__ void write(u32* at, u32 column) const {
#pragma unroll
        for (u32 pair = 0; pair < 2; ++pair) {
            const u64 random = draw(seed, set, lane, 2 * column + pair);
            at[2 * pair] = word(u32(random), 4 * column + 2 * pair);
            at[2 * pair + 1] = word(u32(random >> 32), 4 * column + 2 * pair + 1);
        }
    }
};

template <typename F>
__device__ __forceinline__ void lay_out(u32* operands, u64 seed, u32 set) {
    const bool is_single = (set & 3) == 2, is_reversed = (set & 3) == 1;
    const u32 fill = (set & 3) == 3 ? ~F::SIGNS : 0u, few = is_single ? F::MEDIUM : F::NARROW;
    const u32 a_row = threadIdx.x & 127, b_lane = 256 + threadIdx.x;
    const u32 a_field = F::A_LOW + (u32(draw(seed, set, a_row, 16)) & F::A_MASK);
    const u32 b_field = F::B_LOW + (u32(draw(seed, set, b_lane, 16)) & F::B_MASK);
    const u32 only = is_single ? (5 * a_row + 7 * (set >> 2)) % (32 * F::ELEMENTS) : NONE;
    const Row<F> a = {seed, set, a_row, (a_field << F::SHIFT) * F::REPEAT, is_reversed ? few : F::WIDE, fill, only};
    const Row<F> b = {seed, set, b_lane, (b_field << F::SHIFT) * F::REPEAT, is_reversed ? F::WIDE : few, fill, NONE};
#pragma unroll 1
    for (u32 i = 0; i < CHUNKS; ++i) {  // half of the row's columns; the other warpgroup writes the others
        const u32 column = threadIdx.x / 128 * CHUNKS + i;
        a.write(operands + (a_row / 64 * CHUNKS * A_CHUNK + place(a_row % 64, column, A_CHUNK)) / 4, column);
    }
#pragma unroll 1
    for (u32 column = 0; column < 2 * CHUNKS; ++column) {
        b.write(operands + (B_BEGIN + place(threadIdx.x, column, B_CHUNK)) / 4, column);
    }
    publish_to_wgmma();
    __syncthreads();
}

// A sum that cancels is +0 or -0 by the adder's design, which is not documented: both count as 0.
template <typename F>
__device__ __forceinline__ u32 without_zero_sign(u32 bits) {
    return F::SHIFT != 0 && (bits << 1) == 0 ? 0u : bits;
}

template <typename F>
struct Wgmma {
    __device__ __forceinline__ void operator()(u64 seed, u32 set, u32 (&words)[WORDS]) const {
        OPERANDS_IN_SHARED(operands);
        lay_out<F>(operands, seed, set);
        const u32 begin = shared_address(operands);
        const u64 a = descriptor(begin + threadIdx.x / 128 * CHUNKS * A_CHUNK), b = descriptor(begin + B_BEGIN);
        u32 d[128];
#pragma unroll
        for (u32 i = 0; i < 128; ++i) d[i] = 0;
        wgmma_fence();
#pragma unroll
        for (u32 s = 0; s < CHUNKS; ++s) F::add(d, a + s * (A_CHUNK >> 4), b + s * (B_CHUNK >> 4), s != 0);
        wgmma_commit();
#pragma unroll 1
        for (u32 pair = 1; pair <= PAIRS; ++pair) {
            wgmma_fence();
#pragma unroll
            for (u32 s = 0; s < CHUNKS; ++s) {
                F::subtract(d, a + s * (A_CHUNK >> 4), b + (s + pair) % CHUNKS * (B_CHUNK >> 4));
            }
#pragma unroll
            for (u32 s = 0; s < CHUNKS; ++s) {
                F::add(d, a + s * (A_CHUNK >> 4), b + (s + pair) % CHUNKS * (B_CHUNK >> 4), true);
            }
            wgmma_commit();
            wgmma_wait_for_all_but_one();
        }
        wgmma_wait_for_all(d);
        __syncthreads();  // the operands are not needed any more
        u32 state = u32(draw(seed, set, 512 + threadIdx.x, 0));
#pragma unroll
        for (u32 j = 0; j < WORDS - 1; ++j) {
            words[j] = 0;
#pragma unroll
            for (u32 i = 16 * j; i < 16 * j + 16; ++i) {
                const u32 bits = without_zero_sign<F>(d[i]);
                words[j] ^= bits;
                state = state * MIX + bits;
            }
        }
        words[WORDS - 1] = state;
    }
};

PINNED_KERNEL(wgmma_fp16, THREADS, WORDS, Wgmma<Fp16>())
PINNED_KERNEL(wgmma_bf16, THREADS, WORDS, Wgmma<Bf16>())
PINNED_KERNEL(wgmma_tf32, THREADS, WORDS, Wgmma<Tf32>())
PINNED_KERNEL(wgmma_fp8_e4m3, THREADS, WORDS, Wgmma<E4m3>())
PINNED_KERNEL(wgmma_fp8_e5m2, THREADS, WORDS, Wgmma<E5m2>())
PINNED_KERNEL(wgmma_int8, THREADS, WORDS, Wgmma<Int8>())
