// Shared memory: a march over all of it that one block may have, every word written by one warp and read by another.
//
// The words are walked in rows of 256, with a barrier after each, so the order up or down is kept between rows. Within
// a row, warp and lane of a word change from element to element: the segment of 32 words goes to the next warp, and the
// lanes are permuted by a seeded odd factor, which meets every bank once. Each load and store is volatile PTX.
//
// March C-, with the last read as the output: up w0; up r0 w1; up r1 w0; down r0 w1; down r1 w0; r0.
// The output is the content at the end; a word that was read wrong at any time differs in the bits that were wrong.
// `mismatches` counts wrong reads, of which a word may have five. The twin is shared.py.
#include "memory_instructions.cuh"
#include "pinning.cuh"

#define THREADS 256

__device__ __forceinline__ u32 background_of(u64 seed, u32 set, u32 word) {
    switch (set & 7) {
        case 0: return 0u;
        case 1: return 0x55555555u;
        case 2: return 0x33333333u;
        case 3: return 0x0F0F0F0Fu;
        case 4: return 0x00FF00FFu;
        case 5: return 0x0000FFFFu;
        case 6: return (word & 0xFFFFu) | (~word << 16);
        default: return u32(draw(seed, set, word, 0));
    }
}

// Which word of a row is this thread's in one element.
__device__ __forceinline__ u32 place_of(u64 seed, u32 set, u32 element) {
    const u64 random = draw(seed, set, element, 1);
    const u32 lane = threadIdx.x * (u32(random) | 1u) + u32(random >> 32);
    const u32 segment = threadIdx.x / 32 + element;
    return (segment & 7u) * 32 + (lane & 31u);
}

struct Observer {
    u32* syndrome;  // global, one per word of shared memory; differences are collected there until the first failure
    bool has_failed;
    u32 wrong, bits;

    __device__ __forceinline__ void check(u32 word, u32 actual, u32 expected) {
        const u32 difference = actual ^ expected;
        if (difference == 0) return;
        ++wrong;
        bits |= difference;
        if (!has_failed) atomicOr(&syndrome[word], difference);
    }
};

// One SM's run: who looks, and where.
struct March {
    u32* memory;
    u32 rows;
    u64 seed;
    u32 set;

    __device__ __forceinline__ void write() const {
        const u32 place = place_of(seed, set, 0);
        for (u32 row = 0; row < rows; ++row) {
            const u32 word = row * THREADS + place;
            store_shared(&memory[word], background_of(seed, set, word));
        }
        __syncthreads();
    }

    __device__ __forceinline__ void read_write(u32 element, bool is_down, u32 inverted, Observer& seen) const {
        const u32 place = place_of(seed, set, element);
#pragma unroll 1
        for (u32 step = 0; step < rows; ++step) {
            const u32 word = (is_down ? rows - 1 - step : step) * THREADS + place;
            const u32 expected = background_of(seed, set, word) ^ inverted;
            seen.check(word, load_shared(&memory[word]), expected);
            store_shared(&memory[word], ~expected);
            __syncthreads();
        }
    }
};

extern "C" __global__ void __launch_bounds__(THREADS)
    shared_march(SmRecord* records, u32 slots, const u32* wanted, const u32* golden, u32* outputs, u64 seed, u32 sets,
                 u32 repetitions) {
    DYNAMIC_SHARED(tested);
    __shared__ u32 first;
    SmRecord* record = claim_sm(records, slots, wanted);
    if (record == nullptr) return;
    const u64 begin = clock64();
    const u32 rows = dynamic_shared_bytes() / (4 * THREADS), words = rows * THREADS;
    u32* const output = outputs + u64(record - records) * words;
    for (u32 word = threadIdx.x; word < words; word += THREADS) output[word] = 0;
    Observer seen = {output, false, 0, 0};
    u64 checksum = 0;
#pragma unroll 1
    for (u32 repetition = 0; repetition < repetitions; ++repetition) {
        const u32 set = repetition % sets;
        const u32* right = golden + set * words;
        const u32 wrong_before = seen.wrong;
        const March march = {tested, rows, seed, set};
        march.write();
#pragma unroll 1
        for (u32 element = 1; element <= 4; ++element)
            march.read_write(element, element > 2, element % 2 == 0 ? NONE : 0u, seen);
        const u32 place = place_of(seed, set, 5);
#pragma unroll 1
        for (u32 row = 0; row < rows; ++row) {
            const u32 word = row * THREADS + place, content = load_shared(&tested[word]);
            checksum += mix64((u64(set * words + word) << 32) | content);
            seen.check(word, content, right[word]);
        }
        if (!__syncthreads_or(seen.wrong != wrong_before) || seen.has_failed) continue;
        // The first wrong repetition: turn the differences into the output, and find the first word.
        if (threadIdx.x == 0) first = NONE;
        __syncthreads();
        for (u32 word = threadIdx.x; word < words; word += THREADS)
            if (*(volatile u32*)&output[word] != 0) atomicMin(&first, word);
        __syncthreads();
        if (first == NONE) {  // a vote without a difference: the comparison itself erred
            if (threadIdx.x == 0) ++seen.wrong;
            continue;
        }
        seen.has_failed = true;
        for (u32 word = threadIdx.x; word < words; word += THREADS)
            output[word] = *(volatile u32*)&output[word] ^ right[word];
        if (first % THREADS != threadIdx.x) continue;
        record->first_index = set * words + first;
        record->expected = right[first];
        record->actual = output[first];
        record->first_repetition = repetition;
    }
    if (seen.wrong != 0) {
        atomicOr(&record->or_of_xor, seen.bits);
        atomicAdd(&record->mismatches, seen.wrong);
    }
    atomicAdd(&record->checksum, checksum);
    leave_sm(record, clock64() - begin, repetitions);
}
