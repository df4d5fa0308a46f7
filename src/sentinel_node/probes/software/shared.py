"""The twin of ``cuda/shared.cu``, which learns from its launch how much shared memory there is."""

from __future__ import annotations

from sentinel_node.probes.shared import program_for
from sentinel_node.probes.software.emulation import Call, Emulations
from sentinel_node.probes.software.pinned import PinnedEmulation


def shared_march(call: Call) -> None:
    """The twin of ``shared_march``."""
    PinnedEmulation(program_for(call.launch.shared_bytes))(call)


SHARED_TWINS: Emulations = {("shared.cu", "shared_march"): shared_march}
