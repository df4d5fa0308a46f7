"""What happened to a GPU in the last minutes, for patterns: kept only as long as the window they are looked for in."""

from __future__ import annotations

from collections.abc import Iterable
from enum import IntEnum
from typing import NamedTuple, TypeAlias

WINDOW_NS = 300 * 10**9
"""Documented: `temporal_window.window_duration_secs`."""
MAX_OBSERVATIONS = 64
"""Remembered of one kind for one GPU; the latest."""


class Observed(IntEnum):
    """What it was."""

    PROBE_FAILED = 1
    INFERENCE_ANOMALY = 2
    TRAINING_ANOMALY = 3
    INVARIANT_VIOLATION = 4
    THERMAL = 5
    POWER = 6
    ECC_ERROR = 7
    TMR_DISSENT = 8


ANOMALIES = frozenset({Observed.INFERENCE_ANOMALY, Observed.TRAINING_ANOMALY, Observed.INVARIANT_VIOLATION})


class Observation(NamedTuple):
    """One event."""

    time_ns: int
    kind: Observed
    event_id: str
    sm_id: int | None = None


Observations: TypeAlias = tuple[Observation, ...]
"""In order of time."""


def with_observations(known: Observations, more: Iterable[Observation], now_ns: int) -> Observations:
    """The observations after more, without those that have left the window that ends with the latest or now."""
    everything = sorted({*known, *more}, key=lambda one: (one.time_ns, one.kind))
    recent = [one for one in everything if one.time_ns > now_ns - WINDOW_NS]
    if len(recent) <= MAX_OBSERVATIONS:
        return tuple(recent)
    kept: list[Observation] = []
    for kind in Observed:
        kept += [one for one in recent if one.kind is kind][-MAX_OBSERVATIONS:]
    return tuple(sorted(kept, key=lambda one: one.time_ns))
