// Memory: one operation of a march, over one group of units of one stretch of memory, in one launch.
//
// A unit is 512 bytes, one 16-byte access of each lane of a warp. A group is every unit whose number has one digit
// equal to `group` (see memory_plan.py); the host makes it at least twice the L2 cache. So between two operations on a
// word, at least so much other data has passed: a read finds the word in memory, not in the cache. And as an element of
// the march goes from group to group by launches, its order between groups is exact, however the threads run.
//
// Loads and stores are volatile PTX with .cg, which the L1 cache never answers; a launch holds one operation, so no
// second read of a word can be merged with its first.
//
// Memory belongs to no SM, and blocks share the work as they come. But whichever SM read a wrong word may be what is
// wrong, so its number is kept, and a block of another SM that ends later in the same launch reads the word again. By then
// the L2 cache may have let go of it, and memory may answer: a word that is right then may have been memory's passing
// fault as well as its reader's. So one word blames no SM; many, in several launches, and all of the same SM, do, and
// half of the entries are kept for later launches than the first with a wrong word. The twin is software/memory.py.
#include "instructions.cuh"
#include "memory_instructions.cuh"
#include "random.cuh"

#define UNIT_WORDS 128
#define ENTRIES 16
#define HALF (ENTRIES / 2)

// 32 bytes, then the first mismatches: half of the entries are of one launch; the twin is memory_record.py.
struct MemoryRecord {
    u64 words;       // 32-bit words read and compared
    u32 mismatches;  // wrong words, saturating near 2^31
    u32 or_of_xor;
    u32 claimed;         // entries of the first launch that found any, asked for, may exceed HALF
    u32 first_operation; // of that launch, plus 1
    u32 claimed_later;   // of all launches after it, likewise
    u32 reserved;
    struct {
        u64 address;
        u32 expected, actual, operation;
        u32 reader;          // the SM that found it, plus 1; written last
        u32 reader_again;    // another SM that read it again, plus 1; 0 where none did
        u32 again;           // what that one found
        u32 expected_again;  // and what it held for right
        u32 reserved;
    } entries[ENTRIES];
};
static_assert(sizeof(MemoryRecord) == 32 + 40 * ENTRIES, "memory_record.py reads 672 bytes");

// What a word holds as its 0; as its 1 it holds the complement.
struct Background {
    u32 kind;     // 0: `pattern`; 1: `pattern` or its complement by one bit of the word's number; 2: its own address;
                  // 3: random
    u32 pattern;  // for kind 1 also which bit, in `bit`
    u32 bit;
    u64 seed;

    __device__ __forceinline__ u32 word(u64 address) const {
        const u64 number = address >> 2;
        if (kind == 0) return pattern;
        if (kind == 1) return number >> bit & 1 ? ~pattern : pattern;
        const u64 pair = address & ~7ull;
        const u64 value = kind == 2 ? pair : mix64(seed ^ mix64(pair));
        return number & 1 ? u32(value >> 32) : u32(value);
    }
};

struct Group {
    u64 units;    // in it
    u32 number;
    u32 width;    // bits of the digit
    u32 shift;    // where the digit stands in a unit's number

    // The n-th unit: n with the digit put in.
    __device__ __forceinline__ u64 unit(u64 n) const {
        const u64 low = n & ((1ull << shift) - 1);
        return (n >> shift << (shift + width)) | (u64(number) << shift) | low;
    }
};

__device__ __forceinline__ u32 lane_id() { return threadIdx.x & 31; }
__device__ __forceinline__ u64 warp_id() { return (u64(blockIdx.x) * blockDim.x + threadIdx.x) / 32; }
__device__ __forceinline__ u64 warps() { return u64(gridDim.x) * blockDim.x / 32; }

__device__ __noinline__ void report(MemoryRecord* record, u64 address, u32 expected, u32 actual, u32 operation) {
    atomicOr(&record->or_of_xor, expected ^ actual);
    if (*(volatile u32*)&record->mismatches < 0x80000000u) atomicAdd(&record->mismatches, 1u);
    const u32 first = atomicCAS(&record->first_operation, 0u, operation + 1);
    const bool is_first = first == 0 || first == operation + 1;
    u32* const claimed = is_first ? &record->claimed : &record->claimed_later;
    if (*(volatile u32*)claimed >= HALF) return;
    const u32 place = atomicAdd(claimed, 1u);
    if (place >= HALF) return;
    const u32 entry = is_first ? place : HALF + place;
    record->entries[entry].address = address;
    record->entries[entry].expected = expected;
    record->entries[entry].actual = actual;
    record->entries[entry].operation = operation;
    __threadfence();
    *(volatile u32*)&record->entries[entry].reader = sm_id() + 1;
}

// The entry of this thread's number, if it is of this launch, another SM wrote it and none other has looked. A faulty SM
// may have written any address, so only those of the tested memory are read.
__device__ __noinline__ void read_again(MemoryRecord* record, u64 base, u64 size_bytes, u32 operation, u32 inverted,
                                        u32 kind, u32 pattern, u32 bit, u64 seed) {
    auto& entry = record->entries[threadIdx.x];
    const u32 reader = *(volatile u32*)&entry.reader, own = sm_id() + 1;
    __threadfence();
    if (reader == 0 || reader == own || *(volatile u32*)&entry.operation != operation) return;
    const u64 address = *(volatile u64*)&entry.address & ~3ull;
    if (address < base || address - base >= size_bytes) return;
    if (atomicCAS(&entry.reader_again, 0u, own) != 0u) return;
    u32 words[4];
    load_global(words, address & ~15ull);
    u32 again = words[0];
#pragma unroll
    for (u32 w = 1; w < 4; ++w) again = (address >> 2 & 3) == w ? words[w] : again;  // an index would need local memory
    entry.again = again;
    entry.expected_again = Background{kind, pattern, bit, seed}.word(address) ^ inverted;
}

extern "C" __global__ void __launch_bounds__(256, 8)
    memory_write(u64 base, u64 units, u32 number, u32 width, u32 shift, u32 inverted, u32 kind, u32 pattern, u32 bit,
                 u64 seed) {
    const Group group = {units, number, width, shift};
    const Background background = {kind, pattern, bit, seed};
    for (u64 n = warp_id(); n < units; n += warps()) {
        const u64 address = base + group.unit(n) * (4 * UNIT_WORDS) + 16 * lane_id();
        u32 words[4];
#pragma unroll
        for (u32 w = 0; w < 4; ++w) words[w] = background.word(address + 4 * w) ^ inverted;
        store_global(address, words);
    }
}

extern "C" __global__ void __launch_bounds__(256, 8)
    memory_read(u64 base, u64 units, u32 number, u32 width, u32 shift, u32 inverted, u32 kind, u32 pattern, u32 bit,
                u64 seed, MemoryRecord* records, u32 stretch, u32 operation) {
    __shared__ u64 words_of_block;
    if (threadIdx.x == 0) words_of_block = 0;
    __syncthreads();
    MemoryRecord* const record = records + stretch;
    const Group group = {units, number, width, shift};
    const Background background = {kind, pattern, bit, seed};
    u64 words_read = 0;
    for (u64 n = warp_id(); n < units; n += warps()) {
        const u64 address = base + group.unit(n) * (4 * UNIT_WORDS) + 16 * lane_id();
        u32 words[4];
        load_global(words, address);
#pragma unroll
        for (u32 w = 0; w < 4; ++w) {
            const u32 expected = background.word(address + 4 * w) ^ inverted;
            if (words[w] != expected) report(record, address + 4 * w, expected, words[w], operation);
        }
        words_read += 4;
    }
    atomicAdd(&words_of_block, words_read);
    __syncthreads();
    if (threadIdx.x == 0) atomicAdd(&record->words, words_of_block);
    const u64 size_bytes = (units << width) * (4 * UNIT_WORDS);
    if (threadIdx.x < ENTRIES) read_again(record, base, size_bytes, operation, inverted, kind, pattern, bit, seed);
}
