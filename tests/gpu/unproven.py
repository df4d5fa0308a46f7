"""One kernel that was never on a GPU, tried in a process of its own: ``python -m tests.gpu.unproven wgmma_fp16``.

A kernel that traps ends the context of its process, so none of these is run beside the others. Its words are held
against the twin on every SM, uncompared, and then it runs with many seeds.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator

from tests.gpu.devices import opened
from tests.gpu.presence import open_for_this_process
from tests.gpu.running import UNPROVEN, differing, outputs, plan_of, run, runs_on, twin_of, uncovered

from sentinel_node.domain.errors import NodeError
from sentinel_node.probes.device import Device
from sentinel_node.probes.variant import Variant

SETS, SEEDS = 8, (1, 2**63)
MANY_SEEDS = (0, 2**32, 2**64 - 1, *range(100, 117))
NOT_HERE = 2
"""The exit status where this GPU has no such instructions."""
_SHOWN = 3


def wrong_with(variant: Variant, device: Device) -> Iterator[str]:
    """What speaks against the kernel; nothing where it is what its twin is and passes with every seed."""
    for seed in SEEDS:
        coverage = outputs(variant, device, seed, SETS)
        if len(coverage.records) != device.sm_count:
            yield f"seed {seed}: {len(coverage.records)} of {device.sm_count} SMs were seen"
        yield from (f"seed {seed}: {each}" for each in differing(coverage, twin_of(variant, seed, SETS)))
    for seed in MANY_SEEDS:
        if why := uncovered(run(plan_of(variant, device, seed=seed), device)):
            yield f"seed {seed}: {why}"


def main(name: str) -> int:
    """0 where nothing speaks against it."""
    (variant,) = (each for each in UNPROVEN if each.name == name)
    try:
        gpu = open_for_this_process()
        if not runs_on(variant, gpu):
            sys.stdout.write(f"{name} does not run on {gpu.architecture}\n")
            return NOT_HERE
        found = list(wrong_with(variant, opened(gpu)))
    except NodeError as error:
        found = [str(error)]
    sys.stdout.writelines(f"{each}\n" for each in found[:_SHOWN])
    sys.stdout.write(f"{name}: {len(found)} things speak against it\n")
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1]))
