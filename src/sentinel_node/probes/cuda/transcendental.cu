// The multi-function unit: seven approximations whose bits are fixed by the architecture and not documented.
//
// Words 0 to 6 are the first arguments' results, which a CPU can hold against the documented error; word 7 mixes the
// bits of all later ones into a state that loses nothing (see fma.cu). No argument or result is denormal, infinite or
// NaN. The twin is transcendental.py, whose results are correctly rounded and so not the hardware's.
#include "pinned_probe.cuh"

#define THREADS 256
#define STEPS 16
#define MIX 0x9E3779B1u
#define FUNCTIONS 7

// A float whose exponent field lies in [lowest, lowest + mask]; its sign is random where `is_signed`.
__device__ __forceinline__ u32 argument(u64 random, u32 lowest, u32 mask, bool is_signed) {
    u32 sign = is_signed ? u32(random) & 0x80000000u : 0u;
    return sign | ((lowest + (u32(random >> 32) & mask)) << 23) | (u32(random) & 0x007FFFFFu);
}

struct Transcendental {
    __device__ __forceinline__ void operator()(u64 seed, u32 set, u32 (&words)[FUNCTIONS + 1]) const {
        u32 state = 0;
#pragma unroll 1
        for (u32 step = 0; step < STEPS; ++step) {
            const u64 random = draw(seed, set, threadIdx.x, step);
            const u32 wide = argument(random, 64, 127, false), small = argument(random, 119, 7, true);
            const u32 results[FUNCTIONS] = {
                ex2_bits(argument(random, 121, 7, true)),
                lg2_bits(wide),
                sin_bits(small),
                cos_bits(small),
                rsqrt_bits(wide),
                rcp_bits(wide ^ (u32(random) & 0x80000000u)),
                tanh_bits(small),
            };
#pragma unroll
            for (u32 f = 0; f < FUNCTIONS; ++f) {
                state = state * MIX + results[f];
                if (step == 0) words[f] = results[f];
            }
        }
        words[FUNCTIONS] = state;
    }
};

PINNED_KERNEL(transcendental, THREADS, 8, Transcendental())
