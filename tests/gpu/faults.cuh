// Put before the text of a shipped kernel by fault_injection.py: the instructions under test stay, and what they give goes
// wrong on one SM. The fault itself is data in the machine code, so that one compilation serves all faults.
#include "instructions.cuh"
#include "memory_instructions.cuh"

#define EVERY_LANE 0xFFFFFFFFu

// Which SM, which lane of each warp, what becomes of a word: ((word & keep) | set) ^ flip, of every how manyth result.
// These eight values are found in the machine code and replaced; volatile, so that the compiler does not know them.
__device__ volatile u32 fault[8] = {0xFA170001u, 0xFA170002u, 0xFA170003u, 0xFA170004u,
                                    0xFA170005u, 0xFA170006u, 0xFA170007u, 0xFA170008u};
__device__ u32 given_results;

__device__ __forceinline__ u32 faulty(u32 word) {
    bool is_hit = sm_id() == fault[0];
    if (is_hit && fault[1] != EVERY_LANE) is_hit = (threadIdx.x & 31u) == fault[1];
    if (is_hit && fault[5] > 1) is_hit = atomicAdd(&given_results, 1u) % fault[5] == fault[5] - 1;
    return is_hit ? ((word & fault[2]) | fault[3]) ^ fault[4] : word;
}

__device__ __forceinline__ u64 faulty_wide(u64 word) {
    const u32 low = faulty(u32(word)), high = faulty(u32(word >> 32));
    return u64(high) << 32 | low;
}

// The lanes meet again, as the next tile needs all of them.
__device__ __forceinline__ void faulty_tile(u32 (&d)[4]) {
    for (u32 i = 0; i < 4; ++i) d[i] = faulty(d[i]);
    __syncwarp();
}

__device__ __forceinline__ void faulty_words(u32 (&words)[4]) {
    for (u32 i = 0; i < 4; ++i) words[i] = faulty(words[i]);
}

// A macro does not expand itself again: within each, the name is the shipped instruction.
#define fma_fp32_bits(a, b, c) faulty(fma_fp32_bits(a, b, c))
#define fma_fp64_bits(a, b, c) faulty_wide(fma_fp64_bits(a, b, c))
#define imad_low(a, b, c) faulty(imad_low(a, b, c))
#define imad_wide(a, b, c) faulty_wide(imad_wide(a, b, c))
#define ex2_bits(x) faulty(ex2_bits(x))
#define lg2_bits(x) faulty(lg2_bits(x))
#define sin_bits(x) faulty(sin_bits(x))
#define cos_bits(x) faulty(cos_bits(x))
#define rsqrt_bits(x) faulty(rsqrt_bits(x))
#define rcp_bits(x) faulty(rcp_bits(x))
#define tanh_bits(x) faulty(tanh_bits(x))
#define mma_fp16(d, a, b) (mma_fp16(d, a, b), faulty_tile(d))
#define mma_bf16(d, a, b) (mma_bf16(d, a, b), faulty_tile(d))
#define mma_tf32(d, a, b) (mma_tf32(d, a, b), faulty_tile(d))
#define mma_e4m3(d, a, b) (mma_e4m3(d, a, b), faulty_tile(d))
#define mma_e5m2(d, a, b) (mma_e5m2(d, a, b), faulty_tile(d))
#define mma_int8(d, a, b) (mma_int8(d, a, b), faulty_tile(d))
#define load_shared(at) faulty(load_shared(at))
#define load_global(words, address) (load_global(words, address), faulty_words(words))
#ifdef FAULTY_ROTATION  // of AES, whose arithmetic has no statement of its own
#define __funnelshift_l(low, high, bits) faulty(__funnelshift_l(low, high, bits))
#endif
