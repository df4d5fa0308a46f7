"""Which probes a host should run more often for a while, because of the GPUs it has, or less often for its budget.

A SUSPECT GPU is probed twice as often, one in a deep test ten times. The wire's override names a probe type and no GPU,
so it holds for the whole agent; the agent returns to its own schedule when the override has run out, and it is renewed
only while there is a reason.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from sentinel_gateway.domain.configuration import MAX_PERIOD_S
from sentinel_gateway.domain.health import HealthState
from sentinel_gateway.domain.overhead import Factors
from sentinel_gateway.domain.probes import ProbeType, ScheduleOverride

PERIODS_S: Mapping[int, int] = {
    ProbeType.FMA: 60,
    ProbeType.TENSOR_CORE: 60,
    ProbeType.TRANSCENDENTAL: 120,
    ProbeType.AES: 300,
    ProbeType.MEMORY: 600,
    ProbeType.REGISTER_FILE: 120,
    ProbeType.SHARED_MEMORY: 300,
}
"""The documented default schedule; a schedule that was pushed takes its place."""
FASTER: Mapping[HealthState, int] = {HealthState.SUSPECT: 2, HealthState.DEEP_TEST: 10}
"""By how much the periods are divided. Ten times: documented for deep tests."""
DURATION_S = 600
"""After which an agent that hears nothing more returns to its own schedule."""


def overrides(states: Iterable[HealthState], periods_s: Mapping[int, int]) -> tuple[ScheduleOverride, ...]:
    """What a host with GPUs in these states is told, if anything. `periods_s`: in force, by probe type."""
    factor = max((FASTER.get(state, 1) for state in states), default=1)
    if factor == 1:
        return ()
    return tuple(
        ScheduleOverride(probe_type, max(1, period_s // factor), DURATION_S)
        for probe_type, period_s in sorted(periods_s.items())
        if period_s > 0
    )


def stretched(factors: Factors, periods_s: Mapping[int, int]) -> tuple[ScheduleOverride, ...]:
    """What a host is told whose periods are to be longer by these factors, if anything."""
    return tuple(
        ScheduleOverride(probe_type, min(MAX_PERIOD_S, period_s * factors[probe_type]), DURATION_S)
        for probe_type, period_s in sorted(periods_s.items())
        if period_s > 0 and factors[probe_type] > 1
    )
