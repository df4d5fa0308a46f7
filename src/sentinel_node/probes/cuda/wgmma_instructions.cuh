// Warpgroup matrix products of Hopper, each instruction in one PTX statement; only for sm_90a. Facts from PTX ISA 9.x,
// section "Asynchronous Warpgroup Level Matrix Multiply-Accumulate Instructions"; wgmma_layout.py tells the layouts.
#pragma once
#include "types.cuh"

// Dynamic shared memory that holds operands: descriptors need addresses that are multiples of 16.
#define OPERANDS_IN_SHARED(name) extern __shared__ __align__(128) u32 name[]

__device__ __forceinline__ u32 shared_address(const u32* at) { return u32(__cvta_generic_to_shared(at)); }

// Ordinary stores to shared memory become visible to wgmma, which reads it through the async proxy. By each thread that
// stored, and then a barrier.
__device__ __forceinline__ void publish_to_wgmma() { asm volatile("fence.proxy.async.shared::cta;" : : : "memory"); }

// Before the first product, and between other uses of the accumulators and the next product.
__device__ __forceinline__ void wgmma_fence() { asm volatile("wgmma.fence.sync.aligned;" : : : "memory"); }
__device__ __forceinline__ void wgmma_commit() { asm volatile("wgmma.commit_group.sync.aligned;" : : : "memory"); }

#define DIGITS(t) "%" t "0,%" t "1,%" t "2,%" t "3,%" t "4,%" t "5,%" t "6,%" t "7,%" t "8,%" t "9,"
#define ACCUMULATORS                                                                                             \
    "{" DIGITS("") DIGITS("1") DIGITS("2") DIGITS("3") DIGITS("4") DIGITS("5") DIGITS("6") DIGITS("7")          \
    DIGITS("8") DIGITS("9") DIGITS("10") DIGITS("11") "%120,%121,%122,%123,%124,%125,%126,%127}"
#define FOUR(n) "+r"(d[n]), "+r"(d[n + 1]), "+r"(d[n + 2]), "+r"(d[n + 3])
#define SIXTEEN(n) FOUR(n), FOUR(n + 4), FOUR(n + 8), FOUR(n + 12)
#define ALL_128                                                                                              \
    SIXTEEN(0), SIXTEEN(16), SIXTEEN(32), SIXTEEN(48), SIXTEEN(64), SIXTEEN(80), SIXTEEN(96), SIXTEEN(112)

// Until one group at most is under way. It names no accumulators, for they may not be touched yet.
__device__ __forceinline__ void wgmma_wait_for_all_but_one() {
    asm volatile("wgmma.wait_group.sync.aligned 1;" : : : "memory");
}

// Until none is, and the accumulators may be read. They are named, so that no compiler can read them before this.
__device__ __forceinline__ void wgmma_wait_for_all(u32 (&d)[128]) {
    asm volatile("wgmma.wait_group.sync.aligned 0;" : ALL_128 : : "memory");
}

// d = a * b, or d += a * b where `adds`: 64 rows of A and 256 of B (columns of the product), 32 bytes of each along K.
#define WGMMA(name, type, scales)                                                                             \
    __device__ __forceinline__ void name(u32 (&d)[128], u64 a, u64 b, bool adds) {                            \
        asm volatile("{.reg .pred p; setp.ne.u32 p, %130, 0; wgmma.mma_async.sync.aligned.m64n256" type " "   \
                     ACCUMULATORS ", %128, %129, p" scales ";}"                                               \
                     : ALL_128 : "l"(a), "l"(b), "r"(u32(adds)));                                             \
    }

// A and B as they are, or A negated; both K-major. Only 16-bit types can be transposed, integers not even negated.
WGMMA(wgmma_add_fp16, "k16.f32.f16.f16", ", 1, 1, 0, 0")
WGMMA(wgmma_subtract_fp16, "k16.f32.f16.f16", ", -1, 1, 0, 0")
WGMMA(wgmma_add_bf16, "k16.f32.bf16.bf16", ", 1, 1, 0, 0")
WGMMA(wgmma_subtract_bf16, "k16.f32.bf16.bf16", ", -1, 1, 0, 0")
WGMMA(wgmma_add_tf32, "k8.f32.tf32.tf32", ", 1, 1")
WGMMA(wgmma_subtract_tf32, "k8.f32.tf32.tf32", ", -1, 1")
WGMMA(wgmma_add_e4m3, "k32.f32.e4m3.e4m3", ", 1, 1")
WGMMA(wgmma_subtract_e4m3, "k32.f32.e4m3.e4m3", ", -1, 1")
WGMMA(wgmma_add_e5m2, "k32.f32.e5m2.e5m2", ", 1, 1")
WGMMA(wgmma_subtract_e5m2, "k32.f32.e5m2.e5m2", ", -1, 1")
WGMMA(wgmma_add_int8, "k32.s32.s8.s8", "")
