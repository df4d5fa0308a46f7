"""How strongly the probes of an SM speak against it: CUSUM tests for several kinds of defect side by side.

A test for a defect that fails a share p of all probes adds ln(p / p0) for a burst of failures and ln((1-p) / (1-p0))
for a pass, and never falls below zero. Tests for defects hardly worse than healthy SMs are left out: below p0 a pass
would speak against an SM. A dead SM is caught by the test with the largest p within three sweeps, one
that fails once a day by the smallest after some days. Failures are kept with the passes between them (`bursts`), so
the tests are computed when they are asked for, and a failure that comes late takes its place between the others.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import lru_cache
from typing import NamedTuple

from sentinel_gateway.domain.bursts import WHOLE, Trail, Trails
from sentinel_gateway.model.settings import ModelSettings

SM_RATES = (0.5, 0.05, 0.005, 0.0005)
"""Shares of an SM's probes that a defect fails: dead, often, one in two hundred, about one a day."""
GPU_RATES = (0.5, 0.05, 0.005, 0.0005, 0.000_005)
"""The same for all SMs of a GPU together, for faults that strike now this SM and now that."""
CLEARLY = 10.0
"""A test counts only where its defect fails so many times as often as a healthy SM: nothing less is told from chance
within the 32 bursts that are remembered."""


@dataclass(frozen=True, slots=True)
class Evidence:
    """What a trail says."""

    nats: float
    """Now, the largest of the tests."""
    proven_nats: float
    """The most it was after `ModelSettings.quarantine_bursts` bursts without falling to zero, then or since."""
    rate: float
    """Share of probes failing in the test that says most; 0 for an empty trail."""
    bursts: int
    """Of the trail."""
    row: int
    """The last of them, between which the test that says most did not fall to zero; 0 where it is zero."""
    types: int
    """Bit n is set where probe type n failed."""
    last_ns: int
    """Of the last burst."""
    passes_since: int
    """After the last burst."""

    @property
    def most_nats(self) -> float:
        """Now, or when it was proven."""
        return max(self.nats, self.proven_nats)


NO_EVIDENCE = Evidence(0.0, 0.0, 0.0, 0, 0, 0, 0, 0)


def evidence(trail: Trail, rates: tuple[float, ...], settings: ModelSettings) -> Evidence:
    """What a trail says, by the test that says most."""
    if not trail:
        return NO_EVIDENCE
    types = 0
    for burst in trail:
        types |= burst.types
    tests = [
        (*_cusum(trail, test, settings.quarantine_bursts), test.rate)
        for test in _tests(rates, settings.healthy_failure_rate)
    ]
    nats, _, row, rate = max(tests, default=(0.0, 0.0, 0, 0.0))
    proven = max((found[1] for found in tests), default=0.0)
    last = trail[-1]
    return Evidence(nats, proven, rate, len(trail), row, types, last.time_ns, last.passes)


class _Test(NamedTuple):
    """What a burst adds and a pass takes."""

    rate: float
    gain: float
    loss: float


@lru_cache(maxsize=64)
def _tests(rates: tuple[float, ...], healthy: float) -> tuple[_Test, ...]:
    """The tests for defects that fail clearly more often than healthy SMs; the same for every GPU of a round."""
    return tuple(
        _Test(rate, math.log(rate / healthy), math.log1p(-healthy) - math.log1p(-rate))
        for rate in rates
        if rate > CLEARLY * healthy
    )


def _cusum(trail: Trail, test: _Test, bursts: int) -> tuple[float, float, int]:
    """The test's value now, its highest after `bursts` bursts since it was zero, and how many those are."""
    _, gain, loss = test
    value = proven = 0.0
    row = 0
    for burst in trail:
        value, row = value + gain, row + 1
        if row >= bursts:
            proven = max(proven, value)
        value = max(0.0, value - burst.passes * loss)
        if not value:
            row, proven = 0, 0.0
    return value, proven, row


@dataclass(frozen=True, slots=True)
class Accused:
    """The part of a GPU against which most is said."""

    sm_id: int | None
    """None for the GPU as a whole."""
    evidence: Evidence


def accused(trails: Trails, settings: ModelSettings) -> Accused:
    """The worst SM; the whole GPU where its failures are spread over SMs none of which explains half of them."""
    whole = trails.get(WHOLE, ())
    failures = _failures(whole)
    parts = [
        Accused(sm_id, evidence(trail, SM_RATES, settings))
        for sm_id, trail in trails.items()
        if sm_id != WHOLE and 2 * _failures(trail) >= failures
    ]
    if parts:
        return max(parts, key=lambda part: (part.evidence.most_nats, -(part.sm_id or 0)))
    return Accused(None, evidence(whole, GPU_RATES, settings))


def _failures(trail: Trail) -> int:
    return sum(burst.failures for burst in trail)
