// Register file: a march over as many registers of every thread as the compiler can spare, by 256 threads, which
// together hold all 64 K registers of an SM.
//
// The cells are registers, so all loops over them are unrolled. `zero` is 0, but only the memory knows it: every write
// is (old & zero) ^ new in inline PTX, so the compiler can neither merge two registers nor forget one between a write
// and the read that checks it. Writes and checks of 234 others lie between, too far for any forwarding path.
//
// March C-, with the last read as the output: up w0; up r0 w1; up r1 w0; down r0 w1; down r1 w0; r0.
// The output is the content at the end; a word that was read wrong at any time differs in the bits that were wrong.
// `mismatches` counts wrong reads, of which a word may have five. The twin is registers.py.
#include "memory_instructions.cuh"
#include "pinning.cuh"

#define REGISTERS 235
#define THREADS 256
#define PART 47  // registers that go through shared memory at a time on their way out

// Background of a set: one word for all cells, or a word per thread that register numbers are mixed into.
struct Background {
    u32 base;
    u32 mask;
};

__device__ __forceinline__ Background background_of(u64 seed, u32 set) {
    switch (set & 7) {
        case 0: return {0u, 0u};
        case 1: return {0x55555555u, 0u};
        case 2: return {0x33333333u, 0u};
        case 3: return {0x0F0F0F0Fu, 0u};
        case 4: return {0x00FF00FFu, 0u};
        case 5: return {0x0000FFFFu, 0u};
        case 6: return {threadIdx.x * 0x00010001u, NONE};
        default: return {u32(draw(seed, set, threadIdx.x, 0)), NONE};
    }
}

// What a register holds as its 0.
__device__ __forceinline__ u32 value_of(u32 cell, u32 base, u32 mask) {
    return masked_xor((cell + 1) * 0x01000100u, mask, base);
}

struct Observer {
    u32* syndrome;  // global, one word per register and thread; differences are collected there until the first failure
    bool has_failed;
    u32 wrong, bits;

    __device__ __forceinline__ void check(u32 cell, u32 actual, u32 expected) {
        const u32 difference = actual ^ expected;
        if (difference == 0) return;
        ++wrong;
        bits |= difference;
        if (!has_failed) syndrome[cell * THREADS] |= difference;
    }
};

template <bool DOWN>
__device__ __forceinline__ void read_write(u32 (&cells)[REGISTERS], Background b, u32 inverted, u32 zero, Observer& seen) {
#pragma unroll
    for (u32 step = 0; step < REGISTERS; ++step) {
        const u32 cell = DOWN ? REGISTERS - 1 - step : step;
        const u32 expected = value_of(cell, b.base ^ inverted, b.mask);
        seen.check(cell, cells[cell], expected);
        write_register(cells[cell], zero, ~expected);
    }
}

extern "C" __global__ void __launch_bounds__(THREADS, 1)
    register_file(SmRecord* records, u32 slots, const u32* wanted, const u32* golden, u32* outputs, u64 seed, u32 sets,
                  u32 repetitions) {
    DYNAMIC_SHARED(part);
    __shared__ u32 first;
    SmRecord* record = claim_sm(records, slots, wanted);
    if (record == nullptr) return;
    const u64 begin = clock64();
    const u32 per_set = REGISTERS * THREADS;
    u32* const output = outputs + u64(record - records) * per_set + threadIdx.x;
    for (u32 cell = 0; cell < REGISTERS; ++cell) output[cell * THREADS] = 0;
    const u32 zero = u32(*(volatile u64*)&record->first_address);
    Observer seen = {output, false, 0, 0};
    u64 checksum = 0;
#pragma unroll 1
    for (u32 repetition = 0; repetition < repetitions; ++repetition) {
        const u32 set = repetition % sets;
        const Background b = background_of(seed, set);
        const u32* right = golden + set * per_set + threadIdx.x;
        const u32 wrong_before = seen.wrong;
        u32 cells[REGISTERS];
#pragma unroll
        for (u32 cell = 0; cell < REGISTERS; ++cell) {
            cells[cell] = threadIdx.x;
            write_register(cells[cell], zero, value_of(cell, b.base, b.mask));
        }
#pragma unroll 1
        for (u32 pair = 0; pair < 2; ++pair) {
            const u32 inverted = pair != 0 ? NONE : 0u;
            read_write<false>(cells, b, inverted, zero, seen);
        }
#pragma unroll 1
        for (u32 pair = 0; pair < 2; ++pair) {
            const u32 inverted = pair != 0 ? NONE : 0u;
            read_write<true>(cells, b, inverted, zero, seen);
        }
#pragma unroll
        for (u32 from = 0; from < REGISTERS; from += PART) {
#pragma unroll
            for (u32 cell = 0; cell < PART; ++cell) store_shared(&part[cell * THREADS + threadIdx.x], cells[from + cell]);
#pragma unroll 1
            for (u32 cell = 0; cell < PART; ++cell) {
                const u32 at = (from + cell) * THREADS;
                const u32 word = load_shared(&part[cell * THREADS + threadIdx.x]);
                checksum += mix64((u64(set * per_set + at + threadIdx.x) << 32) | word);
                seen.check(from + cell, word, right[at]);
            }
        }
        const bool is_wrong = seen.wrong != wrong_before;
        if (!__syncthreads_or(is_wrong) || seen.has_failed) continue;
        // The first wrong repetition: turn the differences into the output, and find the first word.
        if (threadIdx.x == 0) first = NONE;
        __syncthreads();
        for (u32 cell = 0; cell < REGISTERS; ++cell) {
            const u32 at = cell * THREADS;
            if (output[at] != 0) atomicMin(&first, at + threadIdx.x);
        }
        __syncthreads();
        if (first == NONE) {  // a vote without a difference: the comparison itself erred
            if (threadIdx.x == 0) ++seen.wrong;
            continue;
        }
        seen.has_failed = true;
        for (u32 cell = 0; cell < REGISTERS; ++cell) output[cell * THREADS] ^= right[cell * THREADS];
        if (first % THREADS != threadIdx.x) continue;
        record->first_index = set * per_set + first;
        record->expected = right[first - threadIdx.x];
        record->actual = output[first - threadIdx.x];
        record->first_repetition = repetition;
    }
    if (seen.wrong != 0) {
        atomicOr(&record->or_of_xor, seen.bits);
        atomicAdd(&record->mismatches, seen.wrong);
    }
    atomicAdd(&record->checksum, checksum);
    leave_sm(record, clock64() - begin, repetitions);
}
