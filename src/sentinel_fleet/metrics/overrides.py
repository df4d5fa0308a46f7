"""How a metric fact changes a series: each effect wraps the value below it, in the order of the file."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from fnmatch import fnmatchcase
from functools import partial

from sentinel_fleet.facts import MetricFact, Ramp, Saw
from sentinel_fleet.metrics.catalogue import Described, Value, Variant, canonical
from sentinel_fleet.metrics.signals import SCRAPE_S
from sentinel_fleet.stable import jitter, seed64

EVERYTHING = "*"
"""As a name: all series of the node's GPU exporter."""


@dataclass(frozen=True, slots=True)
class _Window:
    start: float
    end: float

    def holds(self, t: float) -> bool:
        return self.start <= t < self.end


def concerns(fact: MetricFact, metric: Described, job: str, variant: Variant) -> bool:
    """Whether a fact on this node speaks of this series."""
    if fact.name == EVERYTHING:
        if job != "dcgm-exporter":
            return False
    elif not _names(fact.name, metric.name):
        return False
    if fact.gpu is not None and variant.gpu not in fact.gpu:
        return False
    if fact.nic is not None and variant.nic not in fact.nic:
        return False
    return all(variant.labels.get(key) == value for key, value in fact.labels.items())


def stops_exporter(fact: MetricFact, job: str) -> bool:
    """Whether a fact takes the node's whole exporter away."""
    if not fact.stop or fact.gpu is not None or fact.nic is not None or fact.labels:
        return False
    whole = {"dcgm-exporter": ("*", "DCGM_*", "DCGM_FI_*"), "node-exporter": ("node_*",),
             "node-problem-detector": ("problem_*",)}  # fmt: skip
    return fact.name in whole.get(job, ())


def wrapped(value: Value, metric: Described, facts: Iterable[MetricFact], anchor: float, identity: str) -> Value:
    """The value with every fact's effect applied; `stop` is not one of them (see `gaps`)."""
    for fact in facts:
        if not fact.stop:
            value = _wrap(value, metric, fact, anchor, seed64(identity, fact.name, fact.at))
    return value


def gaps(facts: Iterable[MetricFact], anchor: float) -> list[tuple[float, float]]:
    """Windows in which facts silence a series."""
    return [(anchor + fact.at, anchor + fact.until) for fact in facts if fact.stop]


def _names(pattern: str, name: str) -> bool:
    if "*" in pattern:
        return fnmatchcase(name, pattern)
    return canonical(pattern) == canonical(name)


def _wrap(below: Value, metric: Described, fact: MetricFact, anchor: float, seed: int) -> Value:
    window = _Window(anchor + fact.at, anchor + fact.until)
    changed = _effect(below, metric, fact, anchor, window)
    noise = _noise_of(metric, fact)

    def value(t: float, k: int) -> float:
        if not window.holds(t):
            return _after(changed, below, fact, window, t, k)
        result = changed(t, k)
        return _shaken(result, noise, seed, k) if noise else result

    return value


def _after(changed: Value, below: Value, fact: MetricFact, window: _Window, t: float, k: int) -> float:
    """Outside its window a fact leaves no trace, except that what a counter gained stays gained."""
    if fact.rate_per_min is None or t < window.start:
        return below(t, k)
    return below(t, k) + _gained(fact.rate_per_min, window.end - window.start)


def _effect(below: Value, metric: Described, fact: MetricFact, anchor: float, window: _Window) -> Value:
    if fact.set is not None:
        return partial(_constant, fact.set)
    if fact.add is not None:
        return partial(_plus, below, fact.add)
    if fact.scale is not None:
        return partial(_times, below, fact.scale)
    if fact.ramp is not None:
        return _ramp(below, fact.ramp, window.start, whole=metric.whole)
    if fact.rate_per_min is not None:
        rate = fact.rate_per_min
        return lambda t, k: below(t, k) + _gained(rate, t - window.start)
    if fact.steps is not None:
        return _steps(below, [(anchor + at, level) for at, level in fact.steps])
    if fact.saw is not None:
        return partial(_saw, fact.saw, window.start if window.start > 0 else 0.0)
    start = window.start
    return lambda t, k: below(start, _scrape(start))


def _noise_of(metric: Described, fact: MetricFact) -> float:
    if fact.freeze:
        return 0.0
    if fact.noise is not None:
        return fact.noise
    follows = fact.add is not None or fact.scale is not None or fact.rate_per_min is not None
    return 0.0 if metric.whole or follows else metric.noise


def _shaken(value: float, noise: float, seed: int, k: int) -> float:
    shaken = value * (1.0 + noise * jitter(seed, k))
    return float(round(shaken)) if value == int(value) and abs(value) >= 20 else round(shaken, 4)


def _scrape(t: float) -> int:
    return int(t // SCRAPE_S)


def _gained(rate_per_min: float, elapsed_s: float) -> float:
    return float(int(rate_per_min * elapsed_s / 60.0))


def _constant(level: float, t: float, k: int) -> float:
    return level


def _plus(below: Value, extra: float, t: float, k: int) -> float:
    return below(t, k) + extra


def _times(below: Value, factor: float, t: float, k: int) -> float:
    return below(t, k) * factor


def _ramp(below: Value, ramp: Ramp, start: float, *, whole: bool) -> Value:
    first = below(start, _scrape(start))

    def value(t: float, k: int) -> float:
        share = min(1.0, (t - start) / ramp.over)
        level = first + (ramp.to - first) * share
        return float(int(level)) if whole else level

    return value


def _steps(below: Value, levels: list[tuple[float, float]]) -> Value:
    ordered = sorted(levels)

    def value(t: float, k: int) -> float:
        current: float | None = None
        for at, level in ordered:
            if at <= t:
                current = level
        return below(t, k) if current is None else current

    return value


def _saw(saw: Saw, start: float, t: float, k: int) -> float:
    return saw.low + (saw.high - saw.low) * (((t - start) / saw.period) % 1.0)
