"""What the silicon of one GPU does wrong at a moment, by the facts of the scenario. Pure; chance comes from the seed.

`share` is of executions as the schedule of probe agents makes them, and a light run is one of these. A deep run is as
many as its repetitions amount to, so what fails once in a hundred is nearly certain to fail in it.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from sentinel_fleet.sentinel.facts import ProbeFact, ProbeName
from sentinel_fleet.sentinel.sweeps import PERIODS_S
from sentinel_fleet.stable import seed64, unit

MEMORY: ProbeName = "MEMORY"


@dataclass(frozen=True, slots=True)
class Look:
    """One variant of a probe on one GPU at one moment."""

    node: str
    gpu: int
    probe: ProbeName
    at: float
    """Seconds from T0."""
    celsius: float
    executions: float
    """How many of the schedule's it amounts to."""
    luck: tuple[object, ...]
    """From which chance follows."""


@dataclass(frozen=True, slots=True)
class Silicon:
    """Everything that facts say of the GPUs of a world."""

    facts: Sequence[ProbeFact]
    sms: int
    """Of one GPU."""

    def trouble(self, look: Look) -> ProbeFact | None:
        """What keeps the whole launch from an answer: no single SM can, since a launch ends for all or for none."""
        return next((fact for fact in self._now(look) if fact.outcome != "FAIL" and self._comes(fact, look, 0)), None)

    def wrong(self, look: Look) -> dict[int, ProbeFact]:
        """The SMs that compute something wrong, each with the fact that says so."""
        failing = [fact for fact in self._now(look) if fact.outcome == "FAIL"]
        return {
            sm: fact
            for fact in reversed(failing)
            for sm in (range(self.sms) if fact.sm is None else fact.sm)
            if sm < self.sms and self._comes(fact, look, sm)
        }

    def spoiled(self, look: Look) -> ProbeFact | None:
        """The fact by which memory loses what is written to it. One that names an SM is about the SM and not memory."""
        failing = (fact for fact in self._now(look) if fact.outcome == "FAIL" and fact.sm is None)
        return next((fact for fact in failing if self._comes(fact, look, 0)), None)

    def _now(self, look: Look) -> Iterable[ProbeFact]:
        for fact in self.facts:
            here = look.node in fact.node and (fact.gpu is None or look.gpu in fact.gpu)
            warm = fact.above is None or look.celsius > fact.above
            if here and warm and look.probe in fact.probes and _holds(fact, look.at):
                yield fact

    def _comes(self, fact: ProbeFact, look: Look, sm: int) -> bool:
        once = self._share(fact)
        chance = 1.0 - (1.0 - once) ** look.executions
        return once >= 1.0 or unit(seed64(*look.luck, fact.kind, fact.at), sm) < chance

    def _share(self, fact: ProbeFact) -> float:
        if fact.share is not None:
            return fact.share
        window = min(fact.until, 0.0) - fact.at
        sweeps = sum(window / PERIODS_S[probe] for probe in fact.probes)
        places = self.sms if fact.sm is None else len(fact.sm)
        return min(1.0, (fact.times or 0) / max(1.0, sweeps * places))


def _holds(fact: ProbeFact, at: float) -> bool:
    """`until: 0s`, where nothing else is said, is so far and not over."""
    return fact.at <= at and (fact.until == 0.0 or at < fact.until)
