"""Trails, GPUs and cases, written as shortly as they are thought of."""

from __future__ import annotations

from dataclasses import replace

from hypothesis import settings

from sentinel_gateway.domain.bursts import WHOLE, Burst, Trails
from sentinel_gateway.domain.health import HealthState
from sentinel_gateway.domain.identity import Gpu
from sentinel_gateway.domain.probes import ProbeResult, ProbeType
from sentinel_gateway.domain.signs import Sign, SignKind
from sentinel_gateway.model.guards import Sighting
from sentinel_gateway.model.settings import ModelSettings
from sentinel_gateway.model.verdicts import Case

S = 1_000_000_000
H = 3600 * S
SETTINGS = ModelSettings()
quick = settings(deadline=None)
FMA, TENSOR, AES = int(ProbeType.FMA), int(ProbeType.TENSOR_CORE), int(ProbeType.AES)
PASS, FAIL, ERROR, TIMEOUT = (int(result) for result in ProbeResult)


def trail(*passes: int, types: int = 1 << FMA, every_s: int = 60) -> tuple[Burst, ...]:
    """Bursts of one failure each, with so many passes after each."""
    return tuple(Burst(n * every_s * S, types, 1, count) for n, count in enumerate(passes))


def failing(sm_id: int, *passes: int, types: int = 1 << FMA) -> Trails:
    """A GPU of which one SM fails, with so many passes of it (a hundred times as many of the GPU) after each burst."""
    return {sm_id: trail(*passes, types=types), WHOLE: trail(*(100 * count for count in passes), types=types)}


def case(trails: Trails, *signs: Sign, state: HealthState = HealthState.HEALTHY, changed_ns: int = 0) -> Case:
    """One GPU with 132 SMs."""
    return Case(state, changed_ns, trails, signs, 132)


def dissent(time_ns: int, one: str, other: str, hosts: str | None = None, told_by: str = "") -> Sign:
    """Two GPUs outvoted it, each on a host of its own if nothing else is said; its own host reports it."""
    where = f"host of {one},host of {other}" if hosts is None else hosts
    return Sign(time_ns, SignKind.DISSENT, f"{one}{other}{time_ns}", f"{one},{other}", where, told_by)


def anomaly(time_ns: int, name: str = "a") -> Sign:
    """A monitor reported something."""
    return Sign(time_ns, SignKind.ANOMALY, name, "LOSS_SPIKE")


def gpu(number: int, per_host: int = 8, model: str = "H100", driver: str = "570") -> Gpu:
    """One of a fleet."""
    return Gpu(f"GPU-{number}", f"node-{number // per_host}", number % per_host, model, driver)


def fleet(count: int, per_host: int = 8) -> list[Gpu]:
    """Half the hosts have H100, half H200; every third host has the newer driver."""
    gpus = [gpu(number, per_host) for number in range(count)]
    return [
        replace(
            one,
            model="H200" if number // per_host % 2 else "H100",
            driver_version="580" if number // per_host % 3 == 0 else "570",
        )
        for number, one in enumerate(gpus)
    ]


def sightings(gpus: list[Gpu], *probe_types: int) -> list[Sighting]:
    """All of them fail these probes."""
    return [Sighting(one, probe_type, 0) for one in gpus for probe_type in probe_types]
