"""All twins of the shipped kernels, for a `SoftwareDevice`. Kernels that are not pinned to SMs add theirs here."""

from __future__ import annotations

from sentinel_node.probes.catalogue import variants
from sentinel_node.probes.software.emulation import Emulations
from sentinel_node.probes.software.memory import MEMORY_TWINS
from sentinel_node.probes.software.pinned import PinnedEmulation
from sentinel_node.probes.software.shared import SHARED_TWINS


def twins() -> Emulations:
    """By source and entry."""
    pinned = {
        (variant.source, variant.entry): PinnedEmulation(variant.program)
        for variant in variants()
        if variant.program is not None
    }
    return {**pinned, **MEMORY_TWINS, **SHARED_TWINS}
