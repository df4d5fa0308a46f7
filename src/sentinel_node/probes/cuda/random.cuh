// Operands from a seed: SplitMix64's finaliser over a position, so that any operand can be computed without those
// before it, and again on a CPU (counter_random.py is the twin, bit for bit).
#pragma once
#include "types.cuh"

__device__ __forceinline__ u64 mix64(u64 z) {
    z += 0x9E3779B97F4A7C15ull;
    z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9ull;
    z = (z ^ (z >> 27)) * 0x94D049BB133111EBull;
    return z ^ (z >> 31);
}

// 64 random bits for one operand: `lane` below 2^20 (the thread in its block, mostly), `index` below 2^12.
__device__ __forceinline__ u64 draw(u64 seed, u32 set, u32 lane, u32 index) {
    return mix64(seed ^ mix64((u64(set) << 32) | (u64(lane) << 12) | u64(index)));
}
