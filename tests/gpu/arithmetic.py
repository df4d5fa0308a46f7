"""How many bytes and operations a run comes to, from the constants that the kernels are launched with."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np

from sentinel_node.probes import formats
from sentinel_node.probes.device import Launch
from sentinel_node.probes.memory import READ, WRITE
from sentinel_node.probes.memory_march import MarchTest
from sentinel_node.probes.memory_plan import UNIT_BYTES
from sentinel_node.probes.tensor_core import GROUPS, STEPS
from sentinel_node.probes.wgmma import A_ROWS, CHUNKS, PAIRS
from sentinel_node.probes.wgmma_layout import COLUMNS, K_BYTES

WGMMA = "wgmma_"
"""Before the format's name in those of Hopper's variants."""
TILE_ROWS, TILE_COLUMNS = 16, 8
"""Of mma.sync: m16n8, whatever the format."""
FORMATS = {form.name: form for form in vars(formats).values() if isinstance(form, formats.Format)}


def march_bytes(test: MarchTest, tested_bytes: int, rounds: int) -> int:
    """Read and written by a march over so much memory: each operation touches every byte once."""
    return test.operations * tested_bytes * rounds


def launched_bytes(launches: Iterable[Launch]) -> int:
    """Read and written by these launches of the memory kernels: whole units, whose number is the second argument."""
    units = (launch.arguments[1] for launch in launches if launch.entry in (READ, WRITE))
    return UNIT_BYTES * sum(int(count) for count in units if isinstance(count, np.integer))


def tensor_operations(variant: str) -> int:
    """Multiplications and additions of one repetition on one SM, each counted, of a format by the variant's name."""
    if variant.startswith(WGMMA):
        k = 8 * K_BYTES // FORMATS[variant.removeprefix(WGMMA)].width
        sums = CHUNKS * (1 + 2 * PAIRS)
        return 2 * A_ROWS * COLUMNS * k * sums
    per_tile = 2 * TILE_ROWS * TILE_COLUMNS * FORMATS[variant].depth
    return formats.WARPS * GROUPS * STEPS * per_tile


def tensor_rate_tflops(variant: str, cycles: float, sm_count: int, clock_mhz: float) -> float:
    """With all SMs busy at this clock, where a repetition takes so many cycles."""
    return tensor_operations(variant) * sm_count * clock_mhz * 1e6 / cycles / 1e12
