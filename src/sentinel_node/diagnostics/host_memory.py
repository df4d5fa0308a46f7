"""The check `host_memory`: what is left of the host's memory, huge pages, and errors that its controllers counted."""

from __future__ import annotations

from sentinel_node.diagnostics.machine import Machine
from sentinel_node.domain.diagnosis import Observation, Status, figures
from sentinel_node.domain.machine import HostMemory

_SCARCE_SHARE = 0.05


def check(machine: Machine) -> tuple[Observation, ...]:
    """Look at the host's memory."""
    return memory_observations(machine.memory())


def memory_observations(memory: HostMemory) -> tuple[Observation, ...]:
    """One for how much is left, one for errors."""
    return (_left(memory), _errors(memory))


def _left(memory: HostMemory) -> Observation:
    told = figures(
        total_bytes=memory.total_bytes,
        available_bytes=memory.available_bytes,
        huge_pages=memory.huge_pages,
        free_huge_pages=memory.free_huge_pages,
        huge_page_bytes=memory.huge_page_bytes,
    )
    if memory.total_bytes is None or memory.available_bytes is None:
        return Observation(Status.UNKNOWN, "node", "The kernel does not tell how much memory is left.", told)
    if memory.available_bytes < _SCARCE_SHARE * memory.total_bytes:
        return Observation(Status.WARNING, "node", f"Less than {_SCARCE_SHARE:.0%} of the memory is left.", told)
    return Observation(Status.OK, "node", "There is memory left.", told)


def _errors(memory: HostMemory) -> Observation:
    told = figures(corrected_errors=memory.corrected_errors, uncorrected_errors=memory.uncorrected_errors)
    if memory.uncorrected_errors is None:
        return Observation(Status.UNKNOWN, "node", "No driver counts the errors of the host's memory (EDAC).", told)
    if memory.uncorrected_errors:
        return Observation(Status.BAD, "node", "The host's memory had uncorrected errors since the boot.", told)
    if memory.corrected_errors:
        return Observation(Status.WARNING, "node", "The host's memory had corrected errors since the boot.", told)
    return Observation(Status.OK, "node", "The host's memory had no errors since the boot.", told)
