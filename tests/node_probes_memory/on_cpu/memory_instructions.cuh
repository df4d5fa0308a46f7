// The accesses under test, on a CPU, in place of the shipped file's assembly. A fault can be set: bits that are stuck at
// 1, on one SM in one word of shared memory or in all registers of one thread, or at one address of global memory, or in
// all that one SM reads of it.
#pragma once
#include "types.cuh"

#define __noinline__
#define DYNAMIC_SHARED(name) static u32* const name = dynamic_shared

inline u32 dynamic_shared[64 * 1024];
inline u32 dynamic_bytes;
inline u32 faulty_word = ~0u;  // of dynamic shared memory, or the thread

inline u32 dynamic_shared_bytes() { return dynamic_bytes; }

inline u32 load_shared(const u32* at) {
    const bool is_faulty = current_sm == faulty_sm && u32(at - dynamic_shared) == faulty_word;
    return is_faulty ? *at | stuck_bits : *at;
}
inline void store_shared(u32* at, u32 word) { *at = word; }
inline u64 faulty_address;  // all ones: whatever the faulty SM reads, and nothing that others do
inline void load_global(u32 (&words)[4], u64 address) {
    std::memcpy(words, reinterpret_cast<void*>(address), 16);
    for (u32 w = 0; w < 4; ++w) {
        const bool is_faulty = ~faulty_address ? address + 4 * w == faulty_address : current_sm == faulty_sm;
        words[w] |= is_faulty ? stuck_bits : 0;
    }
}
inline void store_global(u64 address, const u32 (&words)[4]) { std::memcpy(reinterpret_cast<void*>(address), words, 16); }
inline u32 masked_xor(u32 code, u32 mask, u32 base) { return (code & mask) ^ base; }
inline void write_register(u32& cell, u32 zero, u32 value) {
    const bool is_faulty = current_sm == faulty_sm && threadIdx.x == faulty_word;
    cell = (cell & zero) ^ value;
    if (is_faulty) cell |= stuck_bits;
}

using Kernel = void (*)(u64, u64, u64, u64, u64, u64, u64, u64, u64, u64, u64, u64, u64);
inline Kernel kernel;
inline u64 given[13];

inline void with_all_arguments(u64, u64, u64, u64, u64, u64, u64, u64) {
    const u64* g = given;
    kernel(g[0], g[1], g[2], g[3], g[4], g[5], g[6], g[7], g[8], g[9], g[10], g[11], g[12]);
}

extern "C" void set_faulty_address(u64 address) { faulty_address = address; }
extern "C" void set_faulty_word(u32 word) { faulty_word = word; }

// Shape: blocks, threads, SMs, bytes of dynamic shared memory.
extern "C" void launch_with_memory(void* entry_given, const u32* shape, const u64* arguments_given) {
    kernel = reinterpret_cast<Kernel>(entry_given);
    std::memcpy(given, arguments_given, sizeof given);
    dynamic_bytes = shape[3];
    launch_on_cpu(reinterpret_cast<void*>(&with_all_arguments), shape[0], shape[1], shape[2], arguments);
}
