"""Which SMs are known to have been tested lately: the promise of the rotation, checked against what came back. Pure.

An SM counts while its last answer (PASS or FAIL) is no older than one full round of the probe, and half a round for
runs that were late. A probe that is stretched has longer rounds, so the figure tells of SMs that are never reached, and
not of a busy GPU.
"""

from __future__ import annotations

from collections.abc import Mapping

from sentinel_node.domain.probes import ProbeKind
from sentinel_node.domain.schedule import Entry
from sentinel_node.scheduling.rotation import runs_for_all
from sentinel_node.scheduling.state import GpuState, KindState

_LATE = 1.5
NO_SMS = frozenset({ProbeKind.MEMORY})
"""Probes that belong to no SM."""


def coverage(known: KindState, entry: Entry, period_s: float, sm_count: int, now_s: float) -> float:
    """The share of the SMs that the probe reached in its last full round, 0 to 1; 0 where their number is not known."""
    if sm_count == 0:
        return 0.0
    return len(_reached(known, entry, period_s, now_s)) / sm_count


def active_sms(state: GpuState, periods_s: Mapping[Entry, float], now_s: float) -> int:
    """How many SMs any probe reached in its last full round; `periods_s`: those in force."""
    reached = (
        _reached(state.kinds[one.kind], one, s, now_s) for one, s in periods_s.items() if one.kind in state.kinds
    )
    return len(frozenset[int]().union(*reached))


def _reached(known: KindState, entry: Entry, period_s: float, now_s: float) -> frozenset[int]:
    since_s = now_s - _LATE * runs_for_all(entry.share) * period_s
    return frozenset(sm for sm, when_s in known.answered_s.items() if when_s >= since_s)
