"""What probe agents measured: executions at the documented periods, thinned where nobody would miss them.

A fleet of 100 GPUs makes 800 results a second. What a decision can rest on is kept whole: every execution on an SM of
which a fact speaks by number. Of other GPUs with trouble one SM per sweep, drawn anew, is reported; of GPUs that only
pass a few SMs of the first and last sweep, and on nodes that are looked at closely every SM once.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from sentinel_fleet.sentinel.agents import Agents, ProbedGpu, Temperatures
from sentinel_fleet.sentinel.facts import PROBES, ErrorFact, FailFact, ProbeFact, ProbeName, TimeoutFact
from sentinel_fleet.stable import seed64, unit

PERIODS_S: Mapping[ProbeName, int] = {
    "FMA": 60,
    "TENSOR_CORE": 60,
    "TRANSCENDENTAL": 120,
    "AES": 300,
    "MEMORY": 600,
    "REGISTER_FILE": 120,
    "SHARED_MEMORY": 300,
}
"""The documented default schedule."""
_WHOLE: frozenset[ProbeName] = frozenset({"FMA", "TENSOR_CORE"})
"""Probe types of which a node that is looked at closely reports every SM once."""
_SAMPLE = 2
"""SMs of other GPUs in the first and last sweep."""
_CLEAR_OF_T0_S = 5.0


@dataclass(frozen=True, slots=True)
class Execution:
    """One probe on one SM; `at` is in seconds from T0."""

    at: float
    gpu: ProbedGpu
    sm: int
    probe: ProbeName
    outcome: str
    """PASS, FAIL, TIMEOUT or ERROR."""
    bit: int
    """Which bit was wrong, for FAIL."""
    celsius: float

    @property
    def passed(self) -> bool:
        """Whether nothing was found."""
        return self.outcome == "PASS"


@dataclass(frozen=True, slots=True)
class _Slot:
    """An execution before it is known how it went."""

    at: float
    probe: ProbeName
    sweep: int
    sm: int


def executions(agents: Agents) -> Iterator[Execution]:
    """What all agents measured, GPU by GPU."""
    facts = [fact for kind in (FailFact, TimeoutFact, ErrorFact) for fact in agents.plan.of(kind)]
    for node in agents.nodes:
        here = [fact for fact in facts if node in fact.node]
        for gpu in agents.gpus(node):
            mine = [fact for fact in here if fact.gpu is None or gpu.index in fact.gpu]
            yield from _Probing(agents, gpu, mine).executions()


class _Probing:
    """All probes of one GPU."""

    def __init__(self, agents: Agents, gpu: ProbedGpu, facts: Sequence[ProbeFact]) -> None:
        self._agents, self._gpu, self._facts = agents, gpu, facts
        self._seed = (agents.world.plan.fleet.seed, "sentinel", gpu.uuid)
        self._watched = sorted({sm for fact in facts for sm in fact.sm or ()})
        self._loose = [fact for fact in facts if fact.sm is None]

    def executions(self) -> Iterator[Execution]:
        slots = sorted(set(self._slots()), key=lambda slot: slot.at)
        closely = self._facts or self._gpu.node in self._agents.closely
        temperatures = self._agents.temperatures(self._gpu) if closely else Temperatures([], 60.0)
        hit = [(fact, self._hit(fact, slots, temperatures)) for fact in self._facts]
        for slot in slots:
            fact = next((fact for fact, places in hit if slot in places), None)
            outcome, bit = (fact.outcome, fact.bit) if fact is not None else ("PASS", 0)
            celsius = temperatures.at(slot.at)
            yield Execution(slot.at, self._gpu, slot.sm, slot.probe, outcome, bit, celsius)

    def _slots(self) -> Iterator[_Slot]:
        since = self._agents.plan.part.since
        for probe in PROBES:
            period = PERIODS_S[probe]
            first = -since + period * unit(seed64(*self._seed, "offset", probe), 0)
            sweeps = max(1, int((-_CLEAR_OF_T0_S - first) // period) + 1)
            for sweep in range(sweeps) if self._facts else {0, sweeps - 1}:
                at = first + sweep * period
                for sm in self._sms(probe, sweep, at, is_last=sweep == sweeps - 1):
                    # A sweep visits the SMs one after the other, a few milliseconds each.
                    yield _Slot(round(at + 0.004 * sm, 6), probe, sweep, sm)

    def _sms(self, probe: ProbeName, sweep: int, at: float, *, is_last: bool) -> Iterable[int]:
        if is_last and probe in _WHOLE and self._gpu.node in self._agents.closely:
            return range(self._gpu.sms)
        if is_last or sweep == 0:
            return {*self._watched, *self._drawn(_SAMPLE, probe, sweep)}
        if any(fact.at <= at < fact.until for fact in self._loose):
            return {*self._watched, *self._drawn(1, probe, sweep)}
        return self._watched

    def _drawn(self, count: int, probe: ProbeName, sweep: int) -> Iterable[int]:
        luck = seed64(*self._seed, probe, sweep)
        return (int(unit(luck, place) * self._gpu.sms) for place in range(count))

    def _hit(self, fact: ProbeFact, slots: Iterable[_Slot], temperatures: Temperatures) -> set[_Slot]:
        """The executions that a fact spoils."""
        open_to = [
            slot
            for slot in slots
            if fact.at <= slot.at < fact.until
            and slot.probe in fact.probes
            and (fact.sm is None or slot.sm in fact.sm)
            and (fact.above is None or temperatures.at(slot.at) > fact.above)
        ]
        if fact.times is not None:
            step = len(open_to) / fact.times
            return {open_to[min(len(open_to) - 1, int((place + 0.5) * step))] for place in range(fact.times) if open_to}
        luck = seed64(*self._seed, "luck", fact.kind, *fact.probes)
        share = fact.share or 0.0
        return {slot for slot in open_to if share >= 1.0 or unit(luck, slot.sweep * 1009 + slot.sm) < share}
