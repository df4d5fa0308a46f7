"""What failing GPUs have in common: a cause that is not any one GPU's own acquits them all.

A defect is one GPU's. Where many fail the same way within an hour, the cause is what they share: a probe (one type
fails everywhere), a golden answer (on one GPU model), a rollout (with one driver or firmware version), a host, or power
and cooling (sporadically, everywhere). Sightings are kept apart from the evidence against single GPUs, because the
evidence is dropped when a guard explains it.

A host can tell of any number of GPUs, even of some that do not exist. So no host brings more than a share of what a
guard needs: whatever one host says hides no defects of others.
"""

from __future__ import annotations

import math
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from enum import Enum
from typing import NamedTuple

from sentinel_gateway.domain.identity import Gpu
from sentinel_gateway.model.settings import ModelSettings

ALL_TYPES = (1 << 16) - 1
"""A bit set with every probe type."""
_NARROW = 4.0
"""A cohort explains where GPUs in it fail so many times as often as those outside."""
_CHANCE = 0.01
"""And where all failing hosts would be in it by chance no more often than this."""
_BUGGY_TYPES = 2
"""More probe types do not become wrong on all kinds of GPUs at once; what all GPUs share then is power or cooling."""
_NARROW_HOSTS, _WIDE_HOSTS = 2, 3
"""A cohort is believed where at least so many hosts agree, each bringing no more than its part of what is needed; and
the whole fleet, where one defect on one host and one host that lies would be two."""
_ONE_PLACE = 0.25
"""Where so many GPUs fail on the SM of the same number, the number is what they share: software, not silicon."""


class Shared(Enum):
    """What failing GPUs have in common."""

    PROBE = "probe"
    """One probe type fails on all kinds of GPUs: a bug of the probe."""
    GOLDEN_ANSWER = "golden_answer"
    """On GPUs of one model."""
    ROLLOUT = "rollout"
    """On GPUs with one version of driver or firmware."""
    HOST = "host"
    """On one host."""
    FACILITY = "facility"
    """Here and there, with all probes: power or cooling."""


class Sighting(NamedTuple):
    """A GPU failed a probe type lately."""

    gpu: Gpu
    probe_type: int
    last_ns: int


@dataclass(frozen=True, slots=True)
class Guard:
    """Failures that are nobody's own."""

    shared: Shared
    value: str
    """Which model, version or host; empty for the whole fleet."""
    probe_types: int
    """Bit n is set where probe type n is explained."""
    gpus: int
    """GPUs of the cohort that failed within the window."""
    of: int
    """GPUs of the cohort."""

    @property
    def key(self) -> str:
        """The same for the same cause."""
        return f"{self.shared.value}/{self.value}/{self.probe_types if self.shared is not Shared.FACILITY else ''}"

    @property
    def share(self) -> float:
        """Of the cohort's GPUs that failed."""
        return self.gpus / self.of if self.of else 0.0

    def covers(self, gpu: Gpu) -> bool:
        """Whether it speaks of this GPU."""
        match self.shared:
            case Shared.GOLDEN_ANSWER:
                return gpu.model == self.value
            case Shared.ROLLOUT:
                return self.value in versions_of(gpu)
            case Shared.HOST:
                return gpu.hostname == self.value
            case _:
                return True


def versions_of(gpu: Gpu) -> tuple[str, ...]:
    """What a rollout changes, told apart by kind; unknown versions are left out."""
    kinds = (("driver", gpu.driver_version), ("firmware", gpu.firmware_version))
    return tuple(f"{kind} {version}" for kind, version in kinds if version)


@dataclass(frozen=True, slots=True)
class Census:
    """How many GPUs there are of each kind."""

    total: int
    models: Mapping[str, int]
    versions: Mapping[str, int]
    hosts: Mapping[str, int]


def census(gpus: Iterable[Gpu]) -> Census:
    """Count them."""
    models: Counter[str] = Counter()
    versions: Counter[str] = Counter()
    hosts: Counter[str] = Counter()
    total = 0
    for gpu in gpus:
        total += 1
        models[gpu.model] += 1
        versions.update(versions_of(gpu))
        hosts[gpu.hostname] += 1
    return Census(total, models, versions, hosts)


def guards(sightings: Iterable[Sighting], known: Census, settings: ModelSettings) -> tuple[Guard, ...]:
    """What is to be believed a common cause, given what was sighted within the window."""
    failing: dict[int, dict[str, Gpu]] = {}
    gpus: dict[str, Gpu] = {}
    types: defaultdict[str, int] = defaultdict(int)
    for gpu, probe_type, _ in sightings:
        uuid = gpu.uuid
        gpus[uuid] = gpu
        types[uuid] |= 1 << probe_type
        failing.setdefault(probe_type, {})[uuid] = gpu
    failed = tuple((gpu, types[uuid]) for uuid, gpu in gpus.items())
    found = [
        guard
        for probe_type, of_type in sorted(failing.items())
        if (guard := _of_type(1 << probe_type, tuple(of_type.values()), known, settings)) is not None
    ]
    found = _with_facility(found, failed, known, settings)
    hosts = Counter(gpu.hostname for gpu in _unexplained(found, failed) if gpu.hostname)
    found += [
        Guard(Shared.HOST, host, ALL_TYPES, count, known.hosts.get(host, count))
        for host, count in sorted(hosts.items())
        if count >= settings.guard_gpus
    ]
    return tuple(found)


def explained(found: Iterable[Guard], gpu: Gpu) -> int:
    """The probe types (bit n for type n) whose failures on this GPU have a common cause; a failing host acquits nobody.

    All guards together: a driver that breaks two probes makes bursts of both types, which no guard explains alone.
    """
    types = 0
    for guard in found:
        if guard.shared is not Shared.HOST and guard.covers(gpu):
            types |= guard.probe_types
    return types


class Staying(NamedTuple):
    """Failures of one GPU, all of them on one SM, while many GPUs failed."""

    sm_id: int
    sms: int
    """SMs of the GPU."""
    bursts: int
    probe_types: int
    """Bit n is set where probe type n fails for longer than `ModelSettings.guard_window`."""


def outlasts(staying: Staying, elsewhere: Sequence[int], settings: ModelSettings) -> bool:
    """Whether power and cooling do not explain these failures, though many GPUs fail; `elsewhere`: SMs of the others.

    What a facility does is over within the window, and does not choose an SM: that all bursts strike the same one has a
    chance of sms ** (1 - bursts), which is to be as small as for any quarantine. A dead SM stays dead, for more kinds
    of probes than can be wrong at once.
    """
    if (staying.bursts - 1) * math.log(max(1, staying.sms)) < settings.quarantine_nats:
        return False
    if staying.probe_types.bit_count() <= _BUGGY_TYPES:
        return False
    return elsewhere.count(staying.sm_id) < _ONE_PLACE * max(1, len(elsewhere))


def _unexplained(found: Iterable[Guard], failed: Iterable[tuple[Gpu, int]]) -> tuple[Gpu, ...]:
    """The GPUs with failures that no guard explains."""
    causes = tuple(found)
    return tuple(gpu for gpu, types in failed if types & ~explained(causes, gpu))


def _with_facility(
    found: list[Guard], failed: Sequence[tuple[Gpu, int]], known: Census, settings: ModelSettings
) -> list[Guard]:
    """The guards, where many GPUs are left over or too many probes seem wrong with one for the whole fleet instead."""
    wrong = [guard for guard in found if guard.shared is Shared.PROBE]
    left = _unexplained(found, failed)
    if len(wrong) <= _BUGGY_TYPES and not _many(left, known.total, _WIDE_HOSTS, settings):
        return found
    facility = Guard(Shared.FACILITY, "", ALL_TYPES, len(failed), known.total)
    return [*(guard for guard in found if guard.shared is not Shared.PROBE), facility]


def _many(gpus: Sequence[Gpu], of: int, hosts: int, settings: ModelSettings) -> bool:
    """Whether so many GPUs of at least so many hosts, or so many whole hosts, do not fail by themselves in the window.

    A host with more failing GPUs than the part of what is needed that falls to one of `hosts` counts for that part.
    """
    if len(gpus) < settings.guard_gpus:
        return False
    needed = max(settings.guard_gpus, math.ceil(settings.guard_share * of))
    failing = Counter(gpu.hostname for gpu in gpus).values()
    if sum(min(hosts * count, needed) for count in failing) >= hosts * needed:
        return True
    return sum(count >= settings.guard_gpus for count in failing) >= settings.guard_gpus


def _of_type(types: int, gpus: Sequence[Gpu], known: Census, settings: ModelSettings) -> Guard | None:
    """The narrowest cohort that explains why one probe type fails on several hosts."""
    for shared, named, sizes in (
        (Shared.ROLLOUT, versions_of, known.versions),
        (Shared.GOLDEN_ANSWER, _model_of, known.models),
    ):
        for value, inside in _cohorts(gpus, named):
            size = sizes.get(value, len(inside))
            if _many(inside, size, _NARROW_HOSTS, settings) and _explains(inside, size, len(gpus), known.total):
                return Guard(shared, value, types, len(inside), size)
    if _many(gpus, known.total, _WIDE_HOSTS, settings):
        return Guard(Shared.PROBE, "", types, len(gpus), known.total)
    return None


def _cohorts(gpus: Iterable[Gpu], named: Callable[[Gpu], tuple[str, ...]]) -> list[tuple[str, list[Gpu]]]:
    """GPUs by what they are called, the largest cohort first."""
    cohorts: dict[str, list[Gpu]] = {}
    for gpu in gpus:
        for value in named(gpu):
            cohorts.setdefault(value, []).append(gpu)
    return sorted(cohorts.items(), key=lambda cohort: (-len(cohort[1]), cohort[0]))


def _model_of(gpu: Gpu) -> tuple[str, ...]:
    return (gpu.model,)


def _explains(inside: Sequence[Gpu], size: int, failing: int, total: int) -> bool:
    """Whether GPUs of a cohort fail so much more than those outside it that the cohort is the cause.

    Hosts count, not GPUs, where chance is judged: the GPUs of one host are of one kind.
    """
    outside, others = failing - len(inside), total - size
    if others <= 0 or len(inside) / size < _NARROW * max(outside, 1) / others:
        return False
    return bool((size / total) ** len({gpu.hostname for gpu in inside}) <= _CHANCE)
