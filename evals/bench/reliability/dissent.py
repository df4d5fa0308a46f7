"""TMR rounds with a GPU that computes wrong, and with reasons to stand alone that are not its own."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, replace
from random import Random

from gcm_sentinel.evals.bench.reliability.fleet import DRIVERS, NEW_DRIVER, fleet_of
from gcm_sentinel.evals.bench.reliability.judging import Judge
from gcm_sentinel.evals.bench.reliability.schedule import Schedule, time_of
from sentinel_gateway.domain.identity import Gpu
from sentinel_gateway.domain.tmr import TmrGpuResult, TmrReport
from sentinel_gateway.model.settings import ModelSettings
from sentinel_gateway.model.verdicts import Step

_PERIOD_TICKS = 10
"""Between rounds: the documented schedule."""
_CORRUPTS = 0.2
"""Share of rounds in which the defective GPU's output is wrong."""
_HOSTS, _PER_HOST = 8, 2
_ONE, _OTHER_ONE = _PER_HOST, 2 * _PER_HOST
"""The first GPUs of the next two hosts."""
_RIGHT, _WRONG, _OTHER = b"right", b"wrong", b"right for another driver"
Output = Callable[[int, Gpu, Random], bytes]
Partners = Callable[[Random], tuple[int, int]]


@dataclass(frozen=True, slots=True)
class Case:
    """Why GPU 0 stands alone, or does not."""

    name: str
    output: Output
    partners: Partners
    expected: Step
    """The last step against GPU 0."""
    reporter: int = 0
    """Whose host reports: place among the three."""


def _defective(number: int, _gpu: Gpu, random: Random) -> bytes:
    return _WRONG if number == 0 and random.random() < _CORRUPTS else _RIGHT


def _bad_partner(number: int, _gpu: Gpu, random: Random) -> bytes:
    return _WRONG if number == _ONE and random.random() < _CORRUPTS else _RIGHT


def _two_alike_wrong(number: int, _gpu: Gpu, _random: Random) -> bytes:
    return _WRONG if number in (_ONE, _OTHER_ONE) else _RIGHT


def _always(number: int, _gpu: Gpu, _random: Random) -> bytes:
    return _WRONG if number == 0 else _RIGHT


def _by_driver(_number: int, gpu: Gpu, _random: Random) -> bytes:
    return _OTHER if gpu.driver_version == NEW_DRIVER else _RIGHT


def _rotated(random: Random) -> tuple[int, int]:
    one, other = random.sample(range(1, _HOSTS), 2)
    return _any_of(one, random), _any_of(other, random)


def _any_of(host: int, random: Random) -> int:
    return host * _PER_HOST + random.randrange(_PER_HOST)


def _same(_random: Random) -> tuple[int, int]:
    return _ONE, _OTHER_ONE


def _one_stays(random: Random) -> tuple[int, int]:
    return _ONE, _any_of(random.randrange(2, _HOSTS), random)


def _one_host_stays(random: Random) -> tuple[int, int]:
    return _any_of(1, random), _any_of(random.randrange(2, _HOSTS), random)


CASES = (
    Case("GPU 0 corrupts 20 % of rounds, partners rotate", _defective, _rotated, Step.QUARANTINE),
    Case("GPU 0 corrupts 20 %, always the same partners", _defective, _same, Step.SUSPECT),
    Case("both partners are wrong alike, and stay", _two_alike_wrong, _same, Step.SUSPECT),
    Case("a partner corrupts 20 %, and stays", _bad_partner, _one_stays, Step.NOTHING),
    Case("a host lies that GPU 0 stood alone, its GPUs rotate", _always, _one_host_stays, Step.SUSPECT, reporter=1),
    Case("GPU 0 has a new driver and computes other bits", _by_driver, _rotated, Step.NOTHING),
)
"""What is tried."""


@dataclass(frozen=True, slots=True)
class Outcome:
    """What the gateway did about GPU 0, and about the others, in many runs."""

    case: Case
    rounds: tuple[int, ...]
    """Until GPU 0 was quarantined, else all; in order."""
    last: Counter[Step]
    others: Counter[Step]


def tried(case: Case, rounds: int, seeds: range) -> Outcome:
    """Run one case with each seed."""
    took, last, others = [], Counter[Step](), Counter[Step]()
    for seed in seeds:
        judge, number = _run(case, rounds, Random(seed))  # noqa: S311 - a simulation
        own = [done.step for done in judge.done if done.number == 0]
        took.append(number)
        last[own[-1] if own else Step.NOTHING] += 1
        others.update(done.step for done in judge.done if done.number != 0)
    return Outcome(case, tuple(sorted(took)), last, others)


def _run(case: Case, rounds: int, random: Random) -> tuple[Judge, int]:
    fleet = [
        replace(gpu, model="NVIDIA H200", driver_version=DRIVERS[0]) for gpu in fleet_of(_HOSTS * _PER_HOST, _PER_HOST)
    ]
    if case.output is _by_driver:
        fleet[0] = replace(fleet[0], driver_version=NEW_DRIVER)
    judge = Judge(fleet, Schedule(), ModelSettings())
    for number in range(1, rounds + 1):
        _round(judge, case, number, random)
        if not judge.works(0):
            return judge, number
    return judge, rounds


def _round(judge: Judge, case: Case, number: int, random: Random) -> None:
    three = (0, *case.partners(random))
    results = tuple(TmrGpuResult(judge.fleet[one], case.output(one, judge.fleet[one], random)) for one in three)
    report = TmrReport(f"canary-{number}", results)
    reporter = judge.fleet[three[case.reporter]].hostname
    judge.canary(report, reporter, time_of(number * _PERIOD_TICKS))
