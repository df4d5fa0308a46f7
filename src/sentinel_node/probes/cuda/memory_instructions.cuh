// The accesses under test, each in one PTX statement that the compiler may neither drop, merge nor keep in a register.
// Nothing else of the memory, register and shared-memory probes is in assembly, so that the rest compiles for a CPU.
#pragma once
#include "types.cuh"

// Dynamic shared memory.
#define DYNAMIC_SHARED(name) extern __shared__ u32 name[]

__device__ __forceinline__ u32 dynamic_shared_bytes() {
    u32 bytes;
    asm volatile("mov.u32 %0, %%dynamic_smem_size;" : "=r"(bytes));
    return bytes;
}

__device__ __forceinline__ u32 load_shared(const u32* at) {
    u32 word;
    asm volatile("ld.volatile.shared.u32 %0, [%1];" : "=r"(word) : "r"(u32(__cvta_generic_to_shared(at))) : "memory");
    return word;
}

__device__ __forceinline__ void store_shared(u32* at, u32 word) {
    asm volatile("st.volatile.shared.u32 [%0], %1;" : : "r"(u32(__cvta_generic_to_shared(at))), "r"(word) : "memory");
}

// 16 bytes from the L2 cache or memory; .cg is never answered by the L1 cache.
__device__ __forceinline__ void load_global(u32 (&words)[4], u64 address) {
    asm volatile("ld.global.cg.v4.u32 {%0, %1, %2, %3}, [%4];"
                 : "=r"(words[0]), "=r"(words[1]), "=r"(words[2]), "=r"(words[3]) : "l"(address) : "memory");
}

__device__ __forceinline__ void store_global(u64 address, const u32 (&words)[4]) {
    asm volatile("st.global.cg.v4.u32 [%0], {%1, %2, %3, %4};"
                 : : "l"(address), "r"(words[0]), "r"(words[1]), "r"(words[2]), "r"(words[3]) : "memory");
}

// cell = (cell & zero) ^ value. Where only memory knows that `zero` is 0, the cell must be kept in a register until here.
__device__ __forceinline__ void write_register(u32& cell, u32 zero, u32 value) {
    asm volatile("lop3.b32 %0, %0, %1, %2, 0x6A;" : "+r"(cell) : "r"(zero), "r"(value));
}

// (code & mask) ^ base, computed anew each time: hoisted out of a loop, it would take a register per register.
__device__ __forceinline__ u32 masked_xor(u32 code, u32 mask, u32 base) {
    u32 value;
    asm volatile("lop3.b32 %0, %1, %2, %3, 0x6A;" : "=r"(value) : "r"(code), "r"(mask), "r"(base));
    return value;
}
