"""`python -m gcm_sentinel.evals.bench sentinel-model`: run every simulation, print the figures, write the plots.

Processes share the work; each run has its own seed, so the figures do not depend on how many there are.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Iterable, Sequence
from concurrent.futures import Future, ProcessPoolExecutor
from dataclasses import dataclass
from multiprocessing import get_context
from pathlib import Path
from typing import TypeVar

from gcm_sentinel.evals.bench.reliability import common_causes, dissent, tables
from gcm_sentinel.evals.bench.reliability.false_alarms import RATES, FalseAlarms, false_alarms
from gcm_sentinel.evals.bench.reliability.faults import Fault, spread
from gcm_sentinel.evals.bench.reliability.healthy import Healthy, healthy
from gcm_sentinel.evals.bench.reliability.latency import ALL_DEAD, DEAD, FAULTS, ONE_PERCENT, Latency, latency
from gcm_sentinel.evals.bench.reliability.plots import false_alarm_plot, latency_plot, score_plot
from gcm_sentinel.evals.bench.reliability.promises import Measured, Promise, promises
from gcm_sentinel.evals.bench.reliability.reference import CODED, DOCUMENTED, Scored, scored
from gcm_sentinel.evals.bench.reliability.schedule import TICKS_PER_DAY, Schedule
from gcm_sentinel.evals.bench.reliability.sick_fleet import SHARES, Sick, sick

_CURVE = (1.0, 0.3, 0.1, 0.03, 0.01, 0.003, 0.001, 0.0003, 0.0001)
"""Failure rates of one SM at which latency is measured."""
_LONGEST_DAYS = 400
_TMR_ROUNDS = 144
"""A day of them."""
_JUDGED = 6000
"""Failures, for each point of the curve of false alarms."""
_T = TypeVar("_T")


@dataclass(frozen=True, slots=True)
class Size:
    """How much is simulated."""

    gpus: int
    days: int
    seeds: int
    multiples: tuple[float, ...]
    hosts: int
    minutes: int
    few_seeds: int
    """Of what is dear to run and much the same each time: all SMs dead, and TMR."""


_FULL = Size(10_000, 30, 300, (1, 10, 30, 50, 100), 40, 60, 50)
_QUICK = Size(1_000, 30, 40, (1, 10), 24, 10, 5)


@dataclass(frozen=True, slots=True)
class Curves:
    """What is drawn."""

    of_sm: dict[float, Latency]
    of_gpu: dict[float, Latency]
    alarms: list[FalseAlarms]


def main(arguments: Sequence[str]) -> int:
    """Run it; 1 where a promise is broken."""
    options = _options(arguments)
    size = _size(options)
    began = time.monotonic()
    with ProcessPoolExecutor(options.processes, mp_context=get_context("spawn")) as pool:
        running = _started(pool, size, options.seed)
        curves = None if options.quick else _curves(pool, size, options.seed)
        measured = running.done()
    told = list(promises(measured))
    _print(tables.of_all(measured, size.days))
    if curves is not None:
        _print(tables.of_curves(curves.of_sm, curves.of_gpu, curves.alarms))
        _write(Path(options.plots), curves, measured)
    _print(tables.of_promises(told))
    print(f"\nTook {time.monotonic() - began:.0f} s.")
    return exit_code(told)


def exit_code(told: Iterable[Promise]) -> int:
    """1 where a promise is broken."""
    return 0 if all(promise.kept for promise in told) else 1


def _print(lines: Iterable[str]) -> None:
    for line in lines:
        print(line)


def _options(arguments: Sequence[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser("sentinel-model", description="Simulate the gateway's reliability model.")
    parser.add_argument("--gpus", type=int, help="of the healthy fleet (10000)")
    parser.add_argument("--days", type=int, help="the healthy fleet is watched (30)")
    parser.add_argument("--seeds", type=int, help="for each fault (300)")
    parser.add_argument("--seed", type=int, default=1, help="the first of them (1)")
    parser.add_argument("--processes", type=int, default=2, help="to share the work (2)")
    parser.add_argument("--plots", default="sentinel-model-plots", help="folder for the SVG files")
    parser.add_argument("--quick", action="store_true", help="small, without curves, to check the promises only")
    return parser.parse_args(arguments)


def _size(options: argparse.Namespace) -> Size:
    size = _QUICK if options.quick else _FULL
    return Size(
        options.gpus or size.gpus,
        options.days or size.days,
        options.seeds or size.seeds,
        size.multiples,
        size.hosts,
        size.minutes,
        size.few_seeds,
    )


@dataclass(frozen=True, slots=True)
class Running:
    """The same as `Measured`, not yet done."""

    latencies: list[Future[Latency]]
    healthy: list[Future[Healthy]]
    causes: list[Future[common_causes.Outcome]]
    dissents: list[Future[dissent.Outcome]]
    scores: list[Future[Scored]]
    sick: list[Future[Sick]]

    def done(self) -> Measured:
        """Wait for all."""
        return Measured(
            _results(self.latencies),
            _results(self.healthy),
            _results(self.causes),
            _results(self.dissents),
            _results(self.scores),
            _results(self.sick),
        )


def _started(pool: ProcessPoolExecutor, size: Size, seed: int) -> Running:
    """Hand out the work, what takes longest first."""
    fleets = [pool.submit(healthy, size.gpus, size.days, multiple, seed) for multiple in reversed(size.multiples)]
    causes = [
        pool.submit(common_causes.tried, scenario, size.hosts, size.minutes, seed)
        for scenario in common_causes.SCENARIOS
    ]
    latencies = [pool.submit(latency, fault, _seeds(fault, size, seed), _LONGEST_DAYS) for fault in FAULTS]
    dissents = [
        pool.submit(dissent.tried, case, _TMR_ROUNDS, range(seed, seed + size.few_seeds)) for case in dissent.CASES
    ]
    scores = [
        pool.submit(scored, fault, thresholds, 1 if fault is ALL_DEAD else size.days, seed)
        for thresholds in (CODED, DOCUMENTED)
        for fault in (DEAD, ONE_PERCENT, ALL_DEAD)
    ]
    many = [pool.submit(sick, share, size.gpus, seed) for share in SHARES]
    return Running(latencies, fleets[::-1], causes, dissents, scores, many)


def _seeds(fault: Fault, size: Size, seed: int) -> range:
    return range(seed, seed + (size.few_seeds if fault is ALL_DEAD else size.seeds))


def _curves(pool: ProcessPoolExecutor, size: Size, seed: int) -> Curves:
    schedule = Schedule()
    seeds = range(seed, seed + size.seeds)
    daily = schedule.results_before(0, TICKS_PER_DAY)
    of_sm = [pool.submit(latency, Fault("one SM", rate, 5), seeds, _LONGEST_DAYS) for rate in _CURVE]
    of_gpu = [pool.submit(latency, spread("spread", rate * daily, schedule), seeds, _LONGEST_DAYS) for rate in _CURVE]
    alarms = [pool.submit(false_alarms, rate, _JUDGED, seed) for rate in RATES]
    return Curves(
        dict(zip(_CURVE, _results(of_sm), strict=True)),
        dict(zip(_CURVE, _results(of_gpu), strict=True)),
        _results(alarms),
    )


def _results(pending: Sequence[Future[_T]]) -> list[_T]:
    return [one.result() for one in pending]


def _write(folder: Path, curves: Curves, measured: Measured) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    drawings = {
        "sentinel-model-latency.svg": latency_plot(curves.of_sm, curves.of_gpu),
        "sentinel-model-false-alarms.svg": false_alarm_plot(curves.alarms),
        "sentinel-model-reference.svg": score_plot(measured.scores),
    }
    print()
    for name, drawing in drawings.items():
        (folder / name).write_text(drawing, encoding="utf-8")
        print(f"wrote {folder / name}")
