// AES-128 (FIPS-197): shifts, rotations, exclusive ors and table look-ups, in rounds that lose nothing.
//
// Every repetition first computes the S-box, one entry per thread, by shifts alone: the inverse in GF(2^8) as x^254,
// then the affine map. The rounds look it up in shared memory as the table of FIPS-197's combined SubBytes and
// MixColumns. Each thread encrypts its own block with the set's key and then the ciphertext again, BLOCKS times.
// Word 0: a table entry, word 1 the first column after the first key, which show the bit of a fault. Words 2 to 5: the
// first ciphertext, words 6 to 9 the last. The twin is aes.py.
#include "pinned_probe.cuh"

#define THREADS 256
#define BLOCKS 4
#define ROUNDS 10

__device__ __forceinline__ u32 doubled(u32 x) {
    return ((x << 1) ^ (x & 0x80u ? 0x11Bu : 0u)) & 0xFFu;
}

__device__ __forceinline__ u32 product(u32 x, u32 y) {
    u32 sum = 0;
    for (u32 bit = 0; bit < 8; ++bit) {
        sum ^= y >> bit & 1u ? x : 0u;
        x = doubled(x);
    }
    return sum;
}

__device__ __forceinline__ u32 s_box(u32 x) {
    u32 power = x;
#pragma unroll 1
    for (u32 bit = 0; bit < 6; ++bit) power = product(product(power, power), x);
    u32 inverse = product(power, power);
    u32 twice = inverse | inverse << 8;
    return (inverse ^ twice >> 7 ^ twice >> 6 ^ twice >> 5 ^ twice >> 4 ^ 0x63u) & 0xFFu;
}

// 0x00112233 as 0x11223300 for 8 bits.
__device__ __forceinline__ u32 rotated(u32 x, u32 bits) {
    return __funnelshift_l(x, x, bits);
}

// The S-box of each byte in place.
__device__ __forceinline__ u32 substituted(const u32* table, u32 x) {
    return (table[x >> 24] >> 8 & 0xFFu) << 24 | (table[x >> 16 & 0xFFu] >> 8 & 0xFFu) << 16 |
           (table[x >> 8 & 0xFFu] >> 8 & 0xFFu) << 8 | (table[x & 0xFFu] >> 8 & 0xFFu);
}

// SubBytes, ShiftRows and MixColumns for one column, whose bytes come from four.
__device__ __forceinline__ u32 column(const u32* table, u32 a, u32 b, u32 c, u32 d) {
    return table[a >> 24] ^ rotated(table[b >> 16 & 0xFFu], 24) ^ rotated(table[c >> 8 & 0xFFu], 16) ^
           rotated(table[d & 0xFFu], 8);
}

__device__ __forceinline__ u32 last_column(const u32* table, u32 a, u32 b, u32 c, u32 d) {
    return substituted(table, (a & 0xFF000000u) | (b & 0x00FF0000u) | (c & 0x0000FF00u) | (d & 0x000000FFu));
}

__device__ __forceinline__ void next_key(const u32* table, u32 (&key)[4], u32& constant) {
    key[0] ^= substituted(table, rotated(key[3], 8)) ^ constant << 24;
    key[1] ^= key[0];
    key[2] ^= key[1];
    key[3] ^= key[2];
    constant = doubled(constant);
}

__device__ __forceinline__ void encrypt(const u32* table, const u32 (&first_key)[4], u32 (&s)[4]) {
    u32 key[4], constant = 1;
    for (u32 i = 0; i < 4; ++i) s[i] ^= key[i] = first_key[i];
#pragma unroll 1
    for (u32 round = 1; round < ROUNDS; ++round) {
        next_key(table, key, constant);
        u32 a = s[0], b = s[1], c = s[2], d = s[3];
        s[0] = column(table, a, b, c, d) ^ key[0];
        s[1] = column(table, b, c, d, a) ^ key[1];
        s[2] = column(table, c, d, a, b) ^ key[2];
        s[3] = column(table, d, a, b, c) ^ key[3];
    }
    next_key(table, key, constant);
    u32 a = s[0], b = s[1], c = s[2], d = s[3];
    s[0] = last_column(table, a, b, c, d) ^ key[0];
    s[1] = last_column(table, b, c, d, a) ^ key[1];
    s[2] = last_column(table, c, d, a, b) ^ key[2];
    s[3] = last_column(table, d, a, b, c) ^ key[3];
}

struct Aes128 {
    __device__ __forceinline__ void operator()(u64 seed, u32 set, u32 (&words)[10]) const {
        __shared__ u32 table[256];
        const u32 s = s_box(threadIdx.x);
        __syncthreads();
        table[threadIdx.x] = doubled(s) << 24 | s << 16 | s << 8 | (doubled(s) ^ s);
        __syncthreads();
        const u64 key_low = draw(seed, set, 0, 2), key_high = draw(seed, set, 0, 3);
        const u64 low = draw(seed, set, threadIdx.x, 0), high = draw(seed, set, threadIdx.x, 1);
        const u32 key[4] = {u32(key_low), u32(key_low >> 32), u32(key_high), u32(key_high >> 32)};
        u32 state[4] = {u32(low), u32(low >> 32), u32(high), u32(high >> 32)};
        words[0] = table[threadIdx.x];
        words[1] = state[0] ^ key[0];
#pragma unroll 1
        for (u32 block = 0; block < BLOCKS; ++block) {
            encrypt(table, key, state);
            for (u32 i = 0; i < 4; ++i) {
                if (block == 0) words[2 + i] = state[i];
                words[6 + i] = state[i];
            }
        }
    }
};

PINNED_KERNEL(aes_128, THREADS, 10, Aes128())
