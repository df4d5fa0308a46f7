"""Which runs are due on one GPU, and how long nothing will be. Pure: everything that happens is an argument.

A GPU has one worker, which takes the first of what is due and asks again, so its probes never overlap. What looks at a
failure again goes before everything, then the lower priority number, then what has waited longest for its period.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import NamedTuple

from sentinel_node.domain.probes import Depth, ProbeKind
from sentinel_node.scheduling.budget import STEPS, WINDOW_S, factors, overhead_pct
from sentinel_node.scheduling.conditions import Conditions, Heat, depth_allowed, stretch
from sentinel_node.scheduling.orders import InForce, Orders
from sentinel_node.scheduling.rotation import sms_of
from sentinel_node.scheduling.settings import SchedulingSettings
from sentinel_node.scheduling.state import Due, GpuState, KindState, kind_begun


class _Paced(NamedTuple):
    """A probe with the period that everything together leaves it."""

    in_force: InForce
    known: KindState
    period_s: float

    @property
    def due_s(self) -> float:
        """When its next run is due."""
        return self.known.last_due_s + self.period_s


def due(
    state: GpuState, orders: Orders, now_s: float, conditions: Conditions, settings: SchedulingSettings
) -> tuple[Due, ...]:
    """The runs whose time has come, the most urgent first."""
    if now_s < state.resting_until_s or state.heat is Heat.HOT or conditions.is_lost:
        return ()
    runs = [*_again(state, now_s, settings), *_by_schedule(state, orders, now_s, conditions, settings)]
    return tuple(sorted(runs, key=_urgency))


def next_look_s(state: GpuState, orders: Orders, now_s: float, conditions: Conditions) -> float:
    """When something may be due, if neither orders nor conditions change; infinity where nothing runs."""
    times = [one.due_s for one in _paced(state, orders, now_s, conditions)]
    times += [one.at_s for one in state.follow_ups]
    if (change_s := orders.next_change_s(now_s)) is not None:
        times.append(change_s)
    return max(min(times, default=float("inf")), state.resting_until_s)


def growth(state: GpuState, orders: Orders, now_s: float) -> Mapping[ProbeKind, int]:
    """By how much the budget has each probe's period grow."""
    periods_s = {one.entry.kind: one.period_s for one in orders.in_force(now_s)}
    cost_s = {kind: known.cost_s for kind, known in state.kinds.items()}
    return factors(cost_s, periods_s, orders.budget_pct, overhead_pct(state.spent, now_s))


def _again(state: GpuState, now_s: float, settings: SchedulingSettings) -> Iterator[Due]:
    for one in state.follow_ups:
        if one.at_s <= now_s:
            known = state.kinds.get(one.entry.kind)
            deadline_s = _deadline_s(one.entry.timeout_s, known, settings)
            yield Due(one.entry, one.at_s, one.sms, Depth.LIGHT, deadline_s, one.entry.period_s, one.attempt)


def _by_schedule(
    state: GpuState, orders: Orders, now_s: float, conditions: Conditions, settings: SchedulingSettings
) -> Iterator[Due]:
    for one in _paced(state, orders, now_s, conditions):
        entry = one.in_force.entry
        depth = depth_allowed(entry.depth, state.heat, conditions)
        if one.due_s <= now_s and depth is not None and _fits(one, state, orders, now_s):
            deadline_s = _deadline_s(entry.timeout_s, one.known, settings)
            sms = _sms(one.known, state.sm_count, entry.share)
            yield Due(entry, one.due_s, sms, depth, deadline_s, one.period_s)


def _fits(one: _Paced, state: GpuState, orders: Orders, now_s: float) -> bool:
    """Whether the budget holds with this run; after eight of its periods it runs all the same: nothing ever stops."""
    if now_s >= one.known.last_due_s + STEPS[-1] * one.in_force.period_s:
        return True
    return overhead_pct(state.spent, now_s) + 100 * one.known.cost_s / WINDOW_S <= orders.budget_pct


def _sms(known: KindState, sm_count: int, share: float) -> tuple[int, ...]:
    """Those whose turn it is, and those that the last run did not reach; empty for all."""
    turn = sms_of(known.run, sm_count, share)
    return tuple(sorted({*turn, *known.missed})) if turn else ()


def _paced(state: GpuState, orders: Orders, now_s: float, conditions: Conditions) -> Iterator[_Paced]:
    by_budget, by_load = growth(state, orders, now_s), stretch(conditions)
    for one in orders.in_force(now_s):
        kind = one.entry.kind
        known = state.kinds.get(kind) or kind_begun(state.gpu.uuid, one.entry, now_s)
        yield _Paced(one, known, one.period_s * by_budget[kind] * (1 if one.is_asked_for else by_load))


def _deadline_s(timeout_s: float, known: KindState | None, settings: SchedulingSettings) -> float:
    is_first = known is None or not known.has_run
    return timeout_s + (settings.first_run_allowance_s if is_first else 0.0)


def _urgency(one: Due) -> tuple[bool, int, float]:
    return (one.attempt == 0, one.entry.priority, one.since_s)
