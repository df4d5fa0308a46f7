"""The checks that look at the driver's samples alone: `nvlinks`, `memory_errors` and `clocks`.

Where a board tells no limit, it is compared with its siblings of the same model: eight GPUs of a node are built alike.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence

from sentinel_node.diagnostics.machine import Machine, subject_of
from sentinel_node.domain.diagnosis import Figure, Observation, Status, figures
from sentinel_node.domain.telemetry import GpuSample, MemoryErrors

Judgement = tuple[Status, str, tuple[Figure, ...]]

_MOST_RETIRED_PAGES = 63  # DCGM_LIMIT_MAX_RETIRED_PAGES, https://github.com/NVIDIA/DCGM
_HARD_REASONS = ("hw_thermal_slowdown", "hw_power_brake_slowdown")
_SOFT_REASONS = ("sw_thermal_slowdown", "hw_slowdown")


def check_nvlinks(machine: Machine) -> tuple[Observation, ...]:
    """Look at each GPU's NVLinks."""
    return nvlink_observations(machine.driver.samples())


def check_memory_errors(machine: Machine) -> tuple[Observation, ...]:
    """Look at each GPU's ECC, row remapping and page retirement."""
    return memory_observations(machine.driver.samples())


def check_clocks(machine: Machine) -> tuple[Observation, ...]:
    """Look at what holds each GPU's clocks down."""
    return clock_observations(machine.driver.samples())


def nvlink_observations(samples: Sequence[GpuSample]) -> tuple[Observation, ...]:
    """One for each GPU."""
    most = Counter[str]()
    for sample in samples:
        most[sample.gpu.model] = max(most[sample.gpu.model], _active(sample))
    return _each(samples, lambda sample: _nvlinks(sample, most[sample.gpu.model]))


def _nvlinks(sample: GpuSample, siblings_active: int) -> Judgement:
    active = _active(sample)
    replays = sum(link.replay_errors or 0 for link in sample.links)
    recoveries = sum(link.recovery_errors or 0 for link in sample.links)
    down = [str(link.index) for link in sample.links if not link.is_active]
    told = figures(
        links=len(sample.links),
        active=active,
        most_active_on_a_sibling=siblings_active,
        inactive_links=",".join(down) if down and active else None,
        crc_errors=sum(link.crc_errors or 0 for link in sample.links),
        replay_errors=replays,
        recovery_errors=recoveries,
    )
    if not sample.links:
        return Status.OK, "It has no NVLink.", told
    if active < siblings_active or (active and down):
        return Status.BAD, f"{active} of {max(len(sample.links), siblings_active)} links are active.", told
    if not active:
        return Status.OK, "None of its links is active, as on its siblings: they are not connected.", told
    if replays or recoveries:
        return Status.WARNING, "Its links had to repeat or recover; one such error is already worth a look.", told
    return Status.OK, "All links are active, without repeats.", told


def _active(sample: GpuSample) -> int:
    return sum(link.is_active for link in sample.links)


def memory_observations(samples: Sequence[GpuSample]) -> tuple[Observation, ...]:
    """One for each GPU."""
    return _each(samples, lambda sample: _memory(sample.memory_errors))


def _memory(errors: MemoryErrors) -> Judgement:
    told = figures(
        sram_corrected=errors.sram_volatile.corrected,
        sram_uncorrected=errors.sram_volatile.uncorrected,
        dram_corrected=errors.dram_volatile.corrected,
        dram_uncorrected=errors.dram_volatile.uncorrected,
        sram_uncorrected_ever=errors.sram_aggregate.uncorrected,
        dram_uncorrected_ever=errors.dram_aggregate.uncorrected,
        remapped_corrected_rows=errors.remapped_corrected_rows,
        remapped_uncorrected_rows=errors.remapped_uncorrected_rows,
        is_remap_pending=errors.is_remap_pending,
        has_remap_failed=errors.has_remap_failed,
        banks_without_spare_rows=errors.banks_without_spare_rows,
        is_sram_threshold_exceeded=errors.is_sram_threshold_exceeded,
        retired_pages=errors.retired_pages,
        pending_retired_pages=errors.pending_retired_pages,
    )
    if not told:
        return Status.UNKNOWN, "It tells nothing of its memory: ECC is off, or it has none.", told
    for status, applies, text in _memory_rules(errors):
        if applies:
            return status, text, told
    return (
        Status.OK,
        "Its memory has no uncorrected errors since the driver was loaded, and none waits for repair.",
        told,
    )


def _memory_rules(errors: MemoryErrors) -> tuple[tuple[Status, bool, str], ...]:
    """The gravest first; the first that applies is told."""
    uncorrected = (errors.sram_volatile.uncorrected or 0) + (errors.dram_volatile.uncorrected or 0)
    return (
        (Status.BAD, bool(errors.has_remap_failed), "A row could not be remapped; the board is to be replaced."),
        (
            Status.BAD,
            bool(errors.is_sram_threshold_exceeded),
            "Its SRAM passed the driver's threshold; run field diagnostics.",
        ),
        (
            Status.BAD,
            (errors.retired_pages or 0) >= _MOST_RETIRED_PAGES,
            f"It has retired {_MOST_RETIRED_PAGES} pages or more, nearly all that it can.",
        ),
        (Status.WARNING, uncorrected > 0, "It had uncorrected errors since the driver was loaded."),
        (
            Status.WARNING,
            bool(errors.is_remap_pending or errors.pending_retired_pages),
            "A repair waits for the next reset; until then the bad memory is set aside.",
        ),
        (
            Status.WARNING,
            bool(errors.banks_without_spare_rows),
            "A memory bank has no spare row left: its next bad row cannot be repaired.",
        ),
    )


def clock_observations(samples: Sequence[GpuSample]) -> tuple[Observation, ...]:
    """One for each GPU."""
    limits: dict[str, float] = {}
    for sample in samples:
        limits[sample.gpu.model] = max(limits.get(sample.gpu.model, 0.0), sample.power_limit_w or 0.0)
    return _each(samples, lambda sample: _clocks(sample, limits[sample.gpu.model]))


def _clocks(sample: GpuSample, siblings_limit_w: float) -> Judgement:
    told = figures(
        sm_clock_mhz=sample.sm_clock_mhz,
        memory_clock_mhz=sample.memory_clock_mhz,
        clock_event_reasons=",".join(sample.clock_event_reasons) or "none",
        temperature_c=sample.temperature_c,
        memory_temperature_c=sample.memory_temperature_c,
        power_w=sample.power_w,
        power_limit_w=sample.power_limit_w,
        utilization_pct=sample.utilization_pct,
    )
    held = [reason for reason in sample.clock_event_reasons if reason in _HARD_REASONS]
    if held:
        return Status.BAD, f"Hardware holds its clocks down: {', '.join(held)}.", told
    eased = [reason for reason in sample.clock_event_reasons if reason in _SOFT_REASONS]
    if eased:
        return Status.WARNING, f"Its clocks are held down: {', '.join(eased)}.", told
    if sample.power_limit_w is not None and sample.power_limit_w < siblings_limit_w:
        return Status.WARNING, f"Its power limit is below a sibling's {siblings_limit_w:g} W.", told
    if any(entry.startswith("clock_event_reasons") for entry in sample.unreadable):
        return Status.UNKNOWN, "What holds its clocks down cannot be read.", told
    return Status.OK, "Nothing but load, settings or its power limit holds its clocks down.", told


def _each(samples: Sequence[GpuSample], judge: Callable[[GpuSample], Judgement]) -> tuple[Observation, ...]:
    """One observation for each GPU; a lost one is unknown, and so is a node without GPUs."""
    found: list[Observation] = []
    for sample in samples:
        if sample.lost:
            found.append(Observation(Status.UNKNOWN, subject_of(sample.gpu), f"The driver has lost it: {sample.lost}."))
            continue
        status, text, told = judge(sample)
        found.append(Observation(status, subject_of(sample.gpu), text, told))
    return tuple(found) or (Observation(Status.UNKNOWN, "node", "The driver lists no GPU."),)
