// The instructions under test, each in one PTX statement that the compiler may neither drop, merge nor compute itself.
// Nothing else of the compute probes is in assembly, so that all the rest can also be compiled for a CPU.
#pragma once
#include "types.cuh"

// The SM that the calling thread runs on, now.
__device__ __forceinline__ u32 sm_id() {
    u32 value;
    asm volatile("mov.u32 %0, %%smid;" : "=r"(value));
    return value;
}

__device__ __forceinline__ u32 fma_fp32_bits(u32 a, u32 b, u32 c) {
    float r;
    asm volatile("fma.rn.f32 %0, %1, %2, %3;"
                 : "=f"(r) : "f"(__uint_as_float(a)), "f"(__uint_as_float(b)), "f"(__uint_as_float(c)));
    return __float_as_uint(r);
}

__device__ __forceinline__ u64 fma_fp64_bits(u64 a, u64 b, u64 c) {
    double r;
    asm volatile("fma.rn.f64 %0, %1, %2, %3;"
                 : "=d"(r)
                 : "d"(__longlong_as_double(a)), "d"(__longlong_as_double(b)), "d"(__longlong_as_double(c)));
    return __double_as_longlong(r);
}

__device__ __forceinline__ u32 imad_low(u32 a, u32 b, u32 c) {
    u32 r;
    asm volatile("mad.lo.u32 %0, %1, %2, %3;" : "=r"(r) : "r"(a), "r"(b), "r"(c));
    return r;
}

__device__ __forceinline__ u64 imad_wide(u32 a, u32 b, u64 c) {
    u64 r;
    asm volatile("mad.wide.u32 %0, %1, %2, %3;" : "=l"(r) : "r"(a), "r"(b), "l"(c));
    return r;
}

#define UNARY(name, ptx)                                                    \
    __device__ __forceinline__ u32 name(u32 x) {                            \
        float r;                                                            \
        asm volatile(ptx " %0, %1;" : "=f"(r) : "f"(__uint_as_float(x)));   \
        return __float_as_uint(r);                                          \
    }

UNARY(ex2_bits, "ex2.approx.ftz.f32")
UNARY(lg2_bits, "lg2.approx.ftz.f32")
UNARY(sin_bits, "sin.approx.ftz.f32")
UNARY(cos_bits, "cos.approx.ftz.f32")
UNARY(rsqrt_bits, "rsqrt.approx.ftz.f32")
UNARY(rcp_bits, "rcp.approx.ftz.f32")
UNARY(tanh_bits, "tanh.approx.f32")

// d += a * b for one 16x8 tile per warp.
#define MMA(name, shape, out, in)                                                                               \
    __device__ __forceinline__ void name(u32 (&d)[4], const u32 (&a)[4], const u32 (&b)[2]) {                   \
        asm volatile("mma.sync.aligned." shape ".row.col." out "." in "." in "." out                            \
                     " {%0,%1,%2,%3}, {%4,%5,%6,%7}, {%8,%9}, {%0,%1,%2,%3};"                                   \
                     : "+r"(d[0]), "+r"(d[1]), "+r"(d[2]), "+r"(d[3])                                           \
                     : "r"(a[0]), "r"(a[1]), "r"(a[2]), "r"(a[3]), "r"(b[0]), "r"(b[1]));                       \
    }

MMA(mma_fp16, "m16n8k16", "f32", "f16")
MMA(mma_bf16, "m16n8k16", "f32", "bf16")
MMA(mma_tf32, "m16n8k8", "f32", "tf32")
#if __CUDA_ARCH__ >= 890
MMA(mma_e4m3, "m16n8k32", "f32", "e4m3")
MMA(mma_e5m2, "m16n8k32", "f32", "e5m2")
#endif
MMA(mma_int8, "m16n8k32", "s32", "s8")
