"""Findings over temperature, power, clocks and load of a node's GPUs side by side."""

from __future__ import annotations

from statistics import median

from gcm_sentinel.llm.playbook.finding import UNKNOWN, Finding, no, predicate, yes
from gcm_sentinel.llm.playbook.findings.metrics_view import (
    Reading,
    busy,
    chosen,
    figure,
    live,
    peers_median,
    readings,
)
from gcm_sentinel.llm.playbook.identity import GpuRef
from gcm_sentinel.llm.playbook.observations import Observations

_METRICS = "gpu_metrics"
_HOT_C = 83.0
_HOTTER_C = 8.0
"""How much hotter than its peers a GPU must be before position in the airflow no longer explains it."""


@predicate(_METRICS)
def hotter_at_equal_power(obs: Observations, gpu: GpuRef | None, args: tuple[str, ...]) -> Finding:
    """One GPU is clearly hotter than its peers while drawing no more power."""
    temps, powers = readings(obs, "temp"), readings(obs, "power")
    if not temps or not powers:
        return UNKNOWN
    for index, reading in chosen(obs, "temp", gpu).items():
        others, power = peers_median(temps, index, "mean"), powers.get(index)
        draw = peers_median(powers, index, "mean")
        if others is None or power is None or not draw:
            continue
        if reading.stats["mean"] - others >= _HOTTER_C and power.stats["mean"] <= 1.08 * draw:
            detail = f"GPU {index} runs at {reading.stats['mean']:.0f} C, its peers at {others:.0f} C, at equal power"
            return yes(detail, figure(obs, reading, "mean"), figure(obs, power, "mean"))
    return no()


@predicate(_METRICS)
def all_hot(obs: Observations, gpu: GpuRef | None, args: tuple[str, ...]) -> Finding:
    """Most GPUs of the node are hot, not one."""
    temps = readings(obs, "temp")
    if len(temps) < 2:
        return UNKNOWN
    hot = [index for index, reading in temps.items() if reading.stats["maximum"] >= _HOT_C]
    if len(hot) * 2 <= len(temps):
        return no()
    return yes(f"{len(hot)} of {len(temps)} GPUs reached {_HOT_C:.0f} C or more", figure(obs, temps[hot[0]], "maximum"))


@predicate(_METRICS)
def clocks_low(obs: Observations, gpu: GpuRef | None, args: tuple[str, ...]) -> Finding:
    """The GPU's clock falls well below its peers' under load."""
    clocks = readings(obs, "sm_clock")
    for index, reading in chosen(obs, "sm_clock", gpu).items():
        others = peers_median(clocks, index, "mean")
        if others and busy(obs, index) is not False and reading.stats["mean"] < 0.93 * others:
            detail = f"the SM clock of GPU {index} averages {reading.stats['mean']:.0f} MHz, its peers {others:.0f} MHz"
            return yes(detail, figure(obs, reading, "mean"))
    return no() if chosen(obs, "sm_clock", gpu) else UNKNOWN


def _steps(obs: Observations, word: str, gpu: GpuRef | None) -> list[tuple[int, Reading]]:
    return [(index, item) for index, item in chosen(obs, word, gpu).items() if item.stats["delta"] > 0]


@predicate(_METRICS)
def thermal_slowdown(obs: Observations, gpu: GpuRef | None, args: tuple[str, ...]) -> Finding:
    """Time in thermal slowdown grows, or the clock event reasons carry a thermal bit (0x20, 0x40)."""
    grown = _steps(obs, "thermal_ns", gpu)
    if grown:
        index, reading = grown[0]
        return yes(f"GPU {index} spent time in thermal slowdown ({reading.metric})", figure(obs, reading, "delta"))
    return _reason_bits(obs, gpu, 0x60, "thermal slowdown", known=bool(chosen(obs, "thermal_ns", gpu)))


@predicate(_METRICS)
def power_brake(obs: Observations, gpu: GpuRef | None, args: tuple[str, ...]) -> Finding:
    """Time under the external power brake grows, or the clock event reasons carry its bit (0x80)."""
    grown = _steps(obs, "brake_ns", gpu)
    if grown:
        index, reading = grown[0]
        detail = f"GPU {index} spent time under the external power brake ({reading.metric})"
        return yes(detail, figure(obs, reading, "delta"))
    return _reason_bits(obs, gpu, 0x80, "the external power brake", known=bool(chosen(obs, "brake_ns", gpu)))


def _reason_bits(obs: Observations, gpu: GpuRef | None, mask: int, what: str, *, known: bool) -> Finding:
    found = chosen(obs, "reasons", gpu)
    for index, reading in found.items():
        for field in ("last", "maximum"):
            value = reading.stats["last"] if field == "last" else reading.stats["maximum"]
            if int(value) & mask:
                return yes(f"the clock event reasons of GPU {index} name {what}", figure(obs, reading, field))
    return no() if found or known else UNKNOWN


@predicate(_METRICS)
def braked_together(obs: Observations, gpu: GpuRef | None, args: tuple[str, ...]) -> Finding:
    """The power brake acts on most GPUs of the node: it comes from outside the GPUs."""
    found = readings(obs, "brake_ns")
    if not found:
        return UNKNOWN
    grown = _steps(obs, "brake_ns", None)
    if len(grown) * 2 <= len(found):
        return no()
    return yes(f"{len(grown)} of {len(found)} GPUs were under the power brake", figure(obs, grown[0][1], "delta"))


@predicate(_METRICS)
def braked_alone(obs: Observations, gpu: GpuRef | None, args: tuple[str, ...]) -> Finding:
    """The power brake acts on this GPU and on none of its peers: its own board or power lead, not the node's supply."""
    found = readings(obs, "brake_ns")
    grown = _steps(obs, "brake_ns", None)
    if len(found) < 2:
        found = readings(obs, "reasons")
        grown = [(index, item) for index, item in found.items() if int(item.stats["maximum"]) & 0x80]
    if len(found) < 2:
        return UNKNOWN
    if len(grown) != 1 or (gpu is not None and gpu.index != grown[0][0]):
        return no()
    detail = f"of {len(found)} GPUs only GPU {grown[0][0]} was under the power brake"
    return yes(detail, figure(obs, grown[0][1], "maximum"))


@predicate(_METRICS)
def capped_alike(obs: Observations, gpu: GpuRef | None, args: tuple[str, ...]) -> Finding:
    """The working GPUs draw equal, high power at equal clocks: the normal power cap of full load."""
    powers, clocks = readings(obs, "power"), readings(obs, "sm_clock")
    working = [index for index in powers if busy(obs, index)]
    if not all(live(reading) for reading in powers.values()):
        return no()
    if len(working) < 2:
        return UNKNOWN if not powers else no()
    draws = [powers[index].stats["mean"] for index in working]
    speeds = [clocks[index].stats["mean"] for index in working if index in clocks]
    even = max(draws) <= 1.06 * min(draws) and (not speeds or max(speeds) <= 1.06 * min(speeds))
    if not even or median(draws) < 500:
        return no()
    detail = f"{len(working)} working GPUs draw an equal {median(draws):.0f} W at equal clocks"
    return yes(detail, figure(obs, powers[working[0]], "mean"))


@predicate(_METRICS)
def gpus_idle(obs: Observations, gpu: GpuRef | None, args: tuple[str, ...]) -> Finding:
    """No GPU of the node does any work."""
    indices = sorted(readings(obs, "util") or readings(obs, "power"))
    known = [busy(obs, index) for index in indices if gpu is None or gpu.index == index]
    if not known or None in known:
        return UNKNOWN
    util = readings(obs, "util")
    if any(known):
        return no()
    cites = [figure(obs, util[index], "last") for index in indices[:1] if index in util]
    return yes(f"{'all' if gpu is None else 'the'} GPUs are idle", *cites)


@predicate(_METRICS)
def work_stopped(obs: Observations, gpu: GpuRef | None, args: tuple[str, ...]) -> Finding:
    """GPUs that worked earlier in the window are idle now."""
    found = chosen(obs, "util", gpu)
    if not found:
        return UNKNOWN
    stopped = [item for item in found.values() if item.stats["maximum"] >= 40 and item.stats["last"] <= 5]
    if len(stopped) * 2 <= len(found):
        return no()
    return yes(f"{len(stopped)} of {len(found)} GPUs fell idle within the window", figure(obs, stopped[0]))
