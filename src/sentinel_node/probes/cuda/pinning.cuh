// One block per SM, and proof of it. Every probe that speaks of an SM begins with claim_sm and ends with leave_sm.
//
// %smid is volatile: a block may be moved by preemption. It is read at both ends, and a record whose two readings
// differ says nothing about any SM. The first block on an SM claims its record; all later ones leave at once.
#pragma once
#include "instructions.cuh"
#include "random.cuh"

#define NONE 0xFFFFFFFFu

// 64 bytes, little endian; the twin is record.py. All zero where no block ran.
struct SmRecord {
    u32 claimed;           // 1: a block ran here
    u32 smid_after;        // %smid at the end
    u32 mismatches;        // wrong 32-bit words over all repetitions, saturating near 2^31
    u32 first_index;       // of the first wrong word among all sets; meaningful where mismatches > 0
    u32 expected;          // that word as it should be
    u32 actual;            // and as it was
    u32 or_of_xor;         // OR of all differences
    u32 first_repetition;  // in which it was
    u64 checksum;          // sum of mix64(position << 32 | word) over all words: independent of their order
    u64 cycles;            // of the SM's clock, from claim to end
    u64 repetitions;       // completed; written last
    u64 first_address;     // for probes that test addresses; else 0
};
static_assert(sizeof(SmRecord) == 64, "record.py reads 64 bytes");

// The SM's record for the one block that may run here, null for every other. All threads must call it.
__device__ __forceinline__ SmRecord* claim_sm(SmRecord* records, u32 slots, const u32* wanted) {
    __shared__ u32 slot;
    if (threadIdx.x == 0) {
        u32 sm = sm_id();
        bool is_mine = sm < slots && wanted[sm] != 0 && atomicCAS(&records[sm].claimed, 0u, 1u) == 0u;
        slot = is_mine ? sm : NONE;
    }
    __syncthreads();
    return slot == NONE ? nullptr : records + slot;
}

// Closes the record. All threads must call it, after their last write to it.
__device__ __forceinline__ void leave_sm(SmRecord* record, u64 cycles, u32 repetitions) {
    __syncthreads();
    if (threadIdx.x == 0) {
        record->cycles = cycles;
        record->smid_after = sm_id();
        __threadfence();
        record->repetitions = repetitions;
    }
}
