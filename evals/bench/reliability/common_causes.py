"""Failures that are nobody's own (golden answers, buggy probes, rollouts, power, a bad host): no GPU may be taken out.

Hosts sweep at twelve different moments of a minute, so the gateway sees the first of them before the last one reports:
that is when a guard that comes too late would let GPUs go.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from random import Random

from gcm_sentinel.evals.bench.reliability.faults import ALL_TYPES
from gcm_sentinel.evals.bench.reliability.fleet import NEW_DRIVER, fleet_of
from gcm_sentinel.evals.bench.reliability.judging import Judge
from gcm_sentinel.evals.bench.reliability.schedule import CYCLE_TICKS, Schedule, Slot, time_of
from sentinel_gateway.domain.identity import Gpu
from sentinel_gateway.domain.probes import ProbeType
from sentinel_gateway.model.guards import Shared
from sentinel_gateway.model.settings import ModelSettings
from sentinel_gateway.model.verdicts import Step

_SCHEDULE = Schedule()
_TENSOR, _FMA, _TRANS = 1 << ProbeType.TENSOR_CORE, 1 << ProbeType.FMA, 1 << ProbeType.TRANSCENDENTAL
_HOST_TICKS = 3
"""A rollout reaches the next host after so many minutes."""
_RACK_HOSTS = 4
_STRUCK_ONE_IN = 7
_LONG = 90
"""Minutes in which failures that stay where they are outlast what a facility does."""


@dataclass(frozen=True, slots=True)
class Trouble:
    """Which probe types fail on a GPU in a minute, and what share of their results."""

    probe_types: int
    share: float = 1.0
    sm_id: int | None = None
    """On one SM only; None for all of them."""


FINE = Trouble(0)
Cause = Callable[[Gpu, int, int], Trouble]
"""The GPU, the place of its host, the minute."""


@dataclass(frozen=True, slots=True)
class Scenario:
    """One cause."""

    name: str
    cause: Cause
    seen_as: tuple[Shared, ...] = ()
    """One of these guards must have recognised it; empty where it is small enough to need none."""
    per_host: int = 8
    is_rollout: bool = False
    """Hosts get a new driver one after the other."""
    minutes: int = 0
    """It is watched for so long at least."""


def _golden(gpu: Gpu, _host: int, _tick: int) -> Trouble:
    return Trouble(_TENSOR) if "H200" in gpu.model else FINE


def _golden_by_host(gpu: Gpu, host: int, tick: int) -> Trouble:
    return Trouble(_TENSOR) if "H100" in gpu.model and tick >= host * _HOST_TICKS else FINE


def _one_probe(_gpu: Gpu, _host: int, _tick: int) -> Trouble:
    return Trouble(_TRANS)


def _two_probes(_gpu: Gpu, _host: int, _tick: int) -> Trouble:
    return Trouble(_TRANS | _FMA)


def _driver(gpu: Gpu, _host: int, _tick: int) -> Trouble:
    return Trouble(_TENSOR | _FMA) if gpu.driver_version == NEW_DRIVER else FINE


def _driver_all(gpu: Gpu, _host: int, _tick: int) -> Trouble:
    return Trouble(ALL_TYPES) if gpu.driver_version == NEW_DRIVER else FINE


def _driver_sometimes(gpu: Gpu, _host: int, _tick: int) -> Trouble:
    return Trouble(_TENSOR, 0.01) if gpu.driver_version == NEW_DRIVER else FINE


def _power(_gpu: Gpu, _host: int, tick: int) -> Trouble:
    return Trouble(ALL_TYPES, 0.0005) if 5 <= tick < 15 else FINE


def _rack_power(_gpu: Gpu, host: int, tick: int) -> Trouble:
    return Trouble(ALL_TYPES, 0.0005) if host < _RACK_HOSTS and 5 <= tick < 15 else FINE


def _bad_host(_gpu: Gpu, host: int, _tick: int) -> Trouble:
    return Trouble(ALL_TYPES, 0.0005) if host == 2 else FINE


def _weakest(gpu: Gpu, _host: int, tick: int) -> Trouble:
    """Undervoltage strikes some GPUs, each on the SM that needs most."""
    number = int(gpu.uuid.removeprefix("GPU-"))
    is_struck = number % _STRUCK_ONE_IN == 0 and 5 <= tick < 45
    return Trouble(ALL_TYPES, sm_id=number * 37 % _SCHEDULE.sms) if is_struck else FINE


def _one_sm(_gpu: Gpu, _host: int, tick: int) -> Trouble:
    return Trouble(ALL_TYPES, sm_id=0) if tick >= 5 else FINE


_GOLDEN_OR_PROBE = (Shared.GOLDEN_ANSWER, Shared.PROBE)
"""While few hosts have it, chance could have put them all among the most frequent model."""
SCENARIOS = (
    Scenario("wrong golden answer for one model, at once", _golden, (Shared.GOLDEN_ANSWER,)),
    Scenario("wrong golden answer, host by host", _golden_by_host, _GOLDEN_OR_PROBE),
    Scenario("the same, two GPUs a host", _golden_by_host, _GOLDEN_OR_PROBE, 2),
    Scenario("the same, one GPU a host", _golden_by_host, _GOLDEN_OR_PROBE, 1),
    Scenario("a bug in one probe, everywhere", _one_probe, (Shared.PROBE,)),
    Scenario("a bug in two probes, everywhere", _two_probes, (Shared.PROBE,)),
    Scenario("a driver that breaks two probes, host by host", _driver, (Shared.ROLLOUT,), is_rollout=True),
    Scenario("a driver that breaks all probes", _driver_all, (Shared.ROLLOUT,), is_rollout=True),
    Scenario("the same, one GPU a host", _driver_all, (Shared.ROLLOUT,), 1, is_rollout=True),
    Scenario("a driver that breaks 1 % of one probe's results", _driver_sometimes, (Shared.ROLLOUT,), is_rollout=True),
    Scenario("power: ten minutes of sporadic failures everywhere", _power, (Shared.FACILITY,)),
    Scenario("power: the same in one rack of four hosts", _rack_power),
    Scenario("a bad host: sporadic failures on its eight GPUs", _bad_host, (Shared.HOST,)),
    Scenario("power: the weakest SM of every seventh GPU, for 40 minutes", _weakest, (Shared.FACILITY,), minutes=_LONG),
    Scenario("all probes wrong on SM 0, everywhere, for hours", _one_sm, (Shared.FACILITY,), minutes=_LONG),
)
"""What is tried."""


@dataclass(frozen=True, slots=True)
class Outcome:
    """What the gateway did."""

    scenario: Scenario
    gpus: int
    failing: int
    """GPUs with any failure."""
    steps: Counter[Step]
    guards: tuple[Shared, ...]
    """What it believed at any time."""


def tried(scenario: Scenario, hosts: int, minutes: int, seed: int) -> Outcome:
    """Run one scenario."""
    random = Random(seed)  # noqa: S311 - a simulation
    judge = Judge(fleet_of(hosts * scenario.per_host, scenario.per_host), _SCHEDULE, ModelSettings())
    failing: set[int] = set()
    for tick in range(max(minutes, scenario.minutes)):
        if scenario.is_rollout and tick % _HOST_TICKS == 0:
            _update(judge, tick // _HOST_TICKS, scenario.per_host)
        failed = _minute(judge, scenario, tick, random)
        failing |= set(failed)
        judge.report(failed)
    judge.wait(time_of(max(minutes, scenario.minutes)))
    causes = tuple(dict.fromkeys(judge.guards.values()))
    return Outcome(scenario, len(judge.fleet), len(failing), judge.steps(), causes)


def _update(judge: Judge, host: int, per_host: int) -> None:
    for number in range(host * per_host, min(len(judge.fleet), (host + 1) * per_host)):
        judge.change(number, replace(judge.fleet[number], driver_version=NEW_DRIVER))


def _minute(judge: Judge, scenario: Scenario, tick: int, random: Random) -> dict[int, Sequence[Slot]]:
    """What fails, by GPU."""
    failed: dict[int, Sequence[Slot]] = {}
    for number, gpu in enumerate(judge.fleet):
        trouble = scenario.cause(gpu, number // scenario.per_host, tick)
        if trouble.probe_types and judge.works(number) and (slots := _drawn(trouble, tick, random)):
            failed[number] = slots
    return failed


def _drawn(trouble: Trouble, tick: int, random: Random) -> list[Slot]:
    return [
        slot._replace(tick=tick)
        for slot in _SCHEDULE.sweeps[tick % CYCLE_TICKS]
        if trouble.probe_types >> slot.probe_type & 1
        and trouble.sm_id in (None, slot.sm_id)
        and (trouble.share == 1 or random.random() < trouble.share)
    ]
