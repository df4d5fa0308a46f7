"""Somebody else's work: products of matrices on every SM, without an end. ``python -m tests.gpu.others_work UUID``.

Each launch takes some milliseconds, as those of a training step do. Says "busy" after the first.
"""

from __future__ import annotations

import os
import sys

import numpy as np
from tests.gpu.devices import opened
from tests.gpu.presence import VISIBLE, identities

from sentinel_node.probes.compiling import Compiled, compile_text
from sentinel_node.probes.device import Launch

KERNEL = """
#include "instructions.cuh"
extern "C" __global__ void products(u32* sums, u32 steps) {
    u32 a[4] = {0x3C003C00u + threadIdx.x, 0x3C003C00u, 0x3C003C00u, 0x3C003C00u}, b[2] = {0x1C001C00u, 0x1C001C00u};
    u32 d[4] = {0, 0, 0, 0};
    for (u32 step = 0; step < steps; ++step) mma_fp16(d, a, b);
    sums[blockIdx.x * blockDim.x + threadIdx.x] = d[0] ^ d[1] ^ d[2] ^ d[3];
}
"""
THREADS, BLOCKS_PER_SM, STEPS, LAUNCHES = 256, 8, 20_000, 4
END_WITHIN_S = 60.0


def compile_products(source: str, architecture: str) -> Compiled:
    """The kernel of this file."""
    return compile_text(KERNEL, source, architecture)


def main(uuid: str) -> None:
    """Until this process is killed."""
    os.environ[VISIBLE] = uuid
    (gpu,) = (each for each in identities() if each.uuid == uuid)
    device = opened(gpu, compile_products)
    blocks = BLOCKS_PER_SM * device.sm_count
    sums = device.allocate(4 * THREADS * blocks)
    work = Launch("products.cu", "products", blocks, THREADS, 0, (sums, np.uint32(STEPS)))
    said = False
    while True:
        for _ in range(LAUNCHES):
            device.launch(work)
        device.synchronise(END_WITHIN_S)
        if not said:
            sys.stdout.write("busy\n")
            sys.stdout.flush()
            said = True


if __name__ == "__main__":
    main(sys.argv[1])
