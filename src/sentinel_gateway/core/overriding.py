"""Asking hosts for more probes while one of their GPUs is SUSPECT or in a deep test.

A host is told when the need begins and again when half of the time has passed; then its agent goes back to its own
schedule by itself. Who is told nothing needs nothing.
"""

from __future__ import annotations

from collections.abc import Mapping

from sentinel_gateway.core.round import Round
from sentinel_gateway.core.touched import Told
from sentinel_gateway.domain.configuration import ProbeSchedule
from sentinel_gateway.domain.deep_tests import DeepTestOutcome
from sentinel_gateway.domain.gpus import GpuState
from sentinel_gateway.domain.probes import ScheduleOverride
from sentinel_gateway.model.overrides import DURATION_S, PERIODS_S, overrides

_AGAIN_NS = DURATION_S * 10**9 // 2


def overrides_for(hostname: str, round_: Round, *, is_again: bool) -> tuple[ScheduleOverride, ...]:
    """What is told to a host that reports; `is_again`: it did not hear the answer before."""
    known, watched = round_.overridden.get(hostname), round_.watched(hostname)
    if known is None and not watched:
        return ()
    gpus = [gpu for uuid in watched if (gpu := round_.gpus.get(uuid)) and gpu.gpu.hostname == hostname]
    wanted = overrides([gpu.state for gpu in gpus if not _is_decided(gpu)], _periods_s(round_))
    if not wanted:
        if known is not None:
            round_.overridden.remove(hostname)
        return ()
    is_new = known is None or known.overrides != wanted or round_.now_ns - known.time_ns >= _AGAIN_NS
    if not is_new and not is_again:
        return ()
    round_.overridden.put(hostname, Told(round_.now_ns, wanted))
    return wanted


def _is_decided(known: GpuState) -> bool:
    """More results of a test that failed change nothing."""
    return known.deep_test is not None and known.deep_test.outcome is DeepTestOutcome.FAILED


def _periods_s(round_: Round) -> Mapping[int, int]:
    """The schedule that was pushed, or else the documented one."""
    pushed = round_.configuration.updates.get("probe_schedule")
    if pushed is None or not isinstance(pushed.payload, ProbeSchedule):
        return PERIODS_S
    return {entry.probe_type: entry.period_s for entry in pushed.payload.entries if entry.enabled}
