// Enough of CUDA C to run a kernel on a CPU: one block after the other, the threads of a block as fibres that change
// at barriers. Shared memory is static, because only one block runs at a time.
#pragma once
#include <ucontext.h>

#include <cmath>
#include <cstdint>
#include <cstring>
#include <vector>

#define __CUDA_ARCH__ 900
#define __device__
#define __global__
#define __forceinline__ inline
#define __launch_bounds__(...)
#define __shared__ static

struct Dim {
    unsigned x;
};
inline Dim threadIdx, blockIdx, blockDim, gridDim;
inline unsigned current_sm, faulty_sm = ~0u, stuck_bits;
inline std::vector<ucontext_t> fibres;
inline ucontext_t scheduler;
inline int votes;

inline void yield() {
    const unsigned own = threadIdx.x;
    swapcontext(&fibres[own], &scheduler);
    threadIdx.x = own;
}
inline void __syncthreads() { yield(); }
inline int __syncthreads_or(int vote) {
    votes |= vote != 0;
    yield();
    const int result = votes;
    yield();
    if (threadIdx.x == 0) votes = 0;  // the first to run again, before any other votes anew
    return result;
}
inline void __threadfence() {}
inline uint64_t clock64() { return 1; }

template <typename T>
T atomicAdd(T* at, T value) { T old = *at; *at = old + value; return old; }
template <typename T>
T atomicOr(T* at, T value) { T old = *at; *at = old | value; return old; }
template <typename T>
T atomicMin(T* at, T value) { T old = *at; if (value < old) *at = value; return old; }
template <typename T>
T atomicCAS(T* at, T expected, T value) { T old = *at; if (old == expected) *at = value; return old; }

template <typename To, typename From>
To bits_of(From value) { To to; static_assert(sizeof to == sizeof value); std::memcpy(&to, &value, sizeof to); return to; }
inline float __uint_as_float(unsigned bits) { return bits_of<float>(bits); }
inline unsigned __float_as_uint(float value) { return bits_of<unsigned>(value); }
inline double __longlong_as_double(unsigned long long bits) { return bits_of<double>(bits); }
inline unsigned long long __double_as_longlong(double value) { return bits_of<unsigned long long>(value); }
inline unsigned __funnelshift_l(unsigned low, unsigned high, unsigned bits) {
    bits &= 31;
    return bits ? high << bits | low >> (32 - bits) : high;
}

using Entry = void (*)(uint64_t, uint64_t, uint64_t, uint64_t, uint64_t, uint64_t, uint64_t, uint64_t);
inline Entry entry;
inline uint64_t arguments[8];
inline bool is_done;

inline void run_thread() {
    const uint64_t* a = arguments;
    entry(a[0], a[1], a[2], a[3], a[4], a[5], a[6], a[7]);
    is_done = true;
}

inline void run_block(unsigned threads) {
    constexpr size_t STACK = 128 * 1024;
    static std::vector<char> stacks;
    stacks.resize(STACK * threads);
    fibres.assign(threads, ucontext_t{});
    std::vector<bool> done(threads);
    for (unsigned t = 0; t < threads; ++t) {
        getcontext(&fibres[t]);
        fibres[t].uc_stack.ss_sp = &stacks[STACK * t];
        fibres[t].uc_stack.ss_size = STACK;
        fibres[t].uc_link = &scheduler;
        makecontext(&fibres[t], run_thread, 0);
    }
    for (unsigned left = threads; left;) {
        for (unsigned t = 0; t < threads; ++t) {
            if (done[t]) continue;
            threadIdx.x = t;
            is_done = false;
            swapcontext(&scheduler, &fibres[t]);
            if (is_done) { done[t] = true; --left; }
        }
    }
}

extern "C" void set_fault(unsigned sm, unsigned bits) { faulty_sm = sm; stuck_bits = bits; }

extern "C" void launch_on_cpu(void* kernel, unsigned grid, unsigned block, unsigned sms, const uint64_t* given) {
    entry = reinterpret_cast<Entry>(kernel);
    std::memcpy(arguments, given, sizeof arguments);
    gridDim.x = grid;
    blockDim.x = block;
    for (unsigned b = 0; b < grid; ++b) {
        blockIdx.x = b;
        current_sm = b % sms;
        run_block(block);
    }
}
