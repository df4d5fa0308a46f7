// What all pinned probes share: produce an output per operand set, compare it with the right one on the device, and
// keep what a reader needs to find the fault. The twin of this file is software/pinned.py.
//
// The right output comes from a CPU (`golden`, one output per set). Where it is null the outputs themselves are
// written, one per set, for the host to compare between SMs.
#pragma once
#include "pinning.cuh"

struct PinnedArguments {
    SmRecord* records;
    u32 slots;
    const u32* wanted;
    const u32* golden;   // [sets][words of a block], or null
    u32* outputs;        // [slots][words]: of the first wrong repetition; [slots][sets][words] where golden is null
    u64 seed;
    u32 sets;
    u32 repetitions;     // repetition r uses set r % sets
};

struct Turn {
    u32 repetition;
    u32 set;
};

// Whether the mismatch was found again; a vote that nothing comes of counts as one, without a place.
template <u32 WORDS>
__device__ bool report_mismatch(SmRecord* record, const PinnedArguments& a, const u32 (&words)[WORDS], Turn turn,
                                bool is_first) {
    __shared__ u32 first;
    const u32 per_set = blockDim.x * WORDS;
    const u32 base = turn.set * per_set;
    if (threadIdx.x == 0) first = NONE;
    __syncthreads();
    u32 wrong = 0, bits = 0;
    for (u32 w = 0; w < WORDS; ++w) {
        u32 at = w * blockDim.x + threadIdx.x;
        u32 difference = a.golden[base + at] ^ words[w];
        if (difference == 0) continue;
        if (wrong++ == 0) atomicMin(&first, at);
        bits |= difference;
    }
    if (wrong != 0) {
        atomicOr(&record->or_of_xor, bits);
        if (*(volatile u32*)&record->mismatches < 0x80000000u) atomicAdd(&record->mismatches, wrong);
    }
    __syncthreads();
    const bool is_located = first != NONE;
    if (!is_located && threadIdx.x == 0) atomicAdd(&record->mismatches, 1u);
    for (u32 w = 0; is_first && w < WORDS; ++w) {
        u32 at = w * blockDim.x + threadIdx.x;
        a.outputs[u64(record - a.records) * per_set + at] = words[w];
        if (at != first) continue;
        record->first_index = base + at;
        record->expected = a.golden[base + at];
        record->actual = words[w];
        record->first_repetition = turn.repetition;
    }
    __syncthreads();
    return is_located;
}

// `produce(seed, set, words)` fills the thread's WORDS words; word w of thread t is word w * threads + t of the output.
template <u32 WORDS, typename Produce>
__device__ __forceinline__ void run_on_sm(const PinnedArguments& a, Produce produce) {
    SmRecord* record = claim_sm(a.records, a.slots, a.wanted);
    if (record == nullptr) return;
    const u32 per_set = blockDim.x * WORDS;
    const u64 begin = clock64();
    u64 checksum = 0;
    bool has_failed = false;
    u32 set = 0;
    for (u32 repetition = 0; repetition < a.repetitions; ++repetition) {
        u32 words[WORDS];
        produce(a.seed, set, words);
        bool is_wrong = false;
        for (u32 w = 0; w < WORDS; ++w) {
            u32 at = set * per_set + w * blockDim.x + threadIdx.x;
            checksum += mix64((u64(at) << 32) | words[w]);
            if (a.golden != nullptr) is_wrong |= a.golden[at] != words[w];
            else a.outputs[u64(record - a.records) * a.sets * per_set + at] = words[w];
        }
        if (__syncthreads_or(is_wrong)) {
            has_failed |= report_mismatch<WORDS>(record, a, words, {repetition, set}, !has_failed);
        }
        set = set + 1 == a.sets ? 0 : set + 1;
    }
    atomicAdd(&record->checksum, checksum);
    leave_sm(record, clock64() - begin, a.repetitions);
}

#define PINNED_KERNEL(entry, threads, words, produce)                                                              \
    extern "C" __global__ void __launch_bounds__(threads)                                                          \
        entry(SmRecord* records, u32 slots, const u32* wanted, const u32* golden, u32* outputs, u64 seed, u32 sets, \
              u32 repetitions) {                                                                                   \
        run_on_sm<words>({records, slots, wanted, golden, outputs, seed, sets, repetitions}, produce);             \
    }
