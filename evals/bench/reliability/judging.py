"""One simulated gateway: its own core decides, in rounds of its own, about failures that are drawn instead of reported.

A round is the core's (`Round`, `settle`): common causes, acquittals, trials, limits and the day of grace after a
proposal are what the gateway does, not a copy of it. Only what comes before is shortened. GPUs with failures are
touched and no others: what passes elsewhere changes nothing, and what passes on a GPU with a trail is counted by the
schedule when it is looked at again (`counting`). A quarantine can only follow a failure, because the highest evidence
so far decides and only failures raise it. Whether a SUSPECT GPU was cleared is asked before its next failure, which
comes to the same: once cleared, further passes keep it so.

Every host's failures are a round of their own, the first hosts judged before the last ones report. Nobody answers
proposals, GPUs that were taken out are probed no more, and SUSPECT GPUs as often as all others: the real gateway probes
them more often, so it is no slower than this one.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial

from gcm_sentinel.evals.bench.reliability.counting import in_order, with_passes, with_sweep
from gcm_sentinel.evals.bench.reliability.fleet import phase_s
from gcm_sentinel.evals.bench.reliability.gateway import Gateway
from gcm_sentinel.evals.bench.reliability.schedule import (
    CYCLE_TICKS,
    NS_PER_S,
    START_NS,
    Schedule,
    Slot,
    tick_of,
    time_of,
)
from sentinel_gateway.core.directing import expire_due
from sentinel_gateway.core.noticing import seen_odd
from sentinel_gateway.core.round import Round
from sentinel_gateway.core.settling import settle
from sentinel_gateway.core.voting import take_tmr
from sentinel_gateway.domain.anomalies import AnomalyEvent
from sentinel_gateway.domain.directives import DirectiveStatus
from sentinel_gateway.domain.gpus import GpuState
from sentinel_gateway.domain.health import Action, HealthState
from sentinel_gateway.domain.identity import Gpu
from sentinel_gateway.domain.settings import CoreSettings
from sentinel_gateway.domain.tmr import OpenCanary, TmrReport, TmrRequest
from sentinel_gateway.model.guards import Shared
from sentinel_gateway.model.settings import ModelSettings
from sentinel_gateway.model.verdicts import Step
from sentinel_gateway.storage.changes import Changes, Found

_STEPS = {
    HealthState.SUSPECT: Step.SUSPECT,
    HealthState.HEALTHY: Step.CLEAR,
    HealthState.QUARANTINED: Step.QUARANTINE,
}
Failures = Mapping[int, Sequence[Slot]]
"""By the number of the GPU; all of one minute."""


@dataclass(frozen=True, slots=True)
class Done:
    """One step against one GPU, or for it."""

    number: int
    time_ns: int
    """Since minute 0."""
    step: Step
    sm_id: int | None
    """The SM that is to blame; None where it is the GPU as a whole."""


class Judge:
    """What the gateway knows, and what it did."""

    def __init__(self, fleet: Sequence[Gpu], schedule: Schedule, settings: ModelSettings) -> None:
        self.fleet = list(fleet)
        self.done: list[Done] = []
        self.guards: dict[str, Shared] = {}
        """Every guard there ever was, by its key."""
        self._settings = CoreSettings(model=settings)
        self._schedule = schedule
        self._gateway = Gateway(fleet, schedule)
        self._numbers = {gpu.uuid: number for number, gpu in enumerate(fleet)}
        self._counted: dict[str, int] = {}
        """By GPU with a trail: everything before this minute is counted."""

    def steps(self) -> Counter[Step]:
        """How often each step was taken."""
        return Counter(one.step for one in self.done)

    def works(self, number: int) -> bool:
        """Whether a GPU has not been taken out."""
        return self._known(number).is_in_use

    def change(self, number: int, gpu: Gpu) -> None:
        """A GPU is described anew, after a rollout."""
        self.fleet[number] = gpu
        self._gateway.describe(gpu)

    def report(self, failed: Failures) -> None:
        """Failures of one minute come in: hosts report one after the other, each when it sweeps."""
        hosts: defaultdict[tuple[float, str], dict[int, Sequence[Slot]]] = defaultdict(dict)
        for number, slots in failed.items():
            if slots and self.works(number):
                gpu = self.fleet[number]
                hosts[phase_s(gpu), gpu.hostname][number] = slots
        for (phase, _), own in sorted(hosts.items(), key=lambda host: host[0]):
            tick = next(iter(own.values()))[0].tick
            now_ns = time_of(tick, 0, phase)
            self.wait(now_ns - NS_PER_S, tick, own)
            self._decide(now_ns, partial(self._fail, own))

    def wait(self, now_ns: int, tick: int = 0, about: Failures | None = None) -> None:
        """Time goes by: what is due is done, and of these GPUs it is asked whether they may be cleared."""
        suspects = [n for n in about or () if self._known(n).state is HealthState.SUSPECT]
        if suspects or self._gateway.is_anything_open:
            self._decide(now_ns, partial(self._ease, suspects, tick))

    def anomaly(self, number: int, event: AnomalyEvent, time_ns: int) -> None:
        """A monitor blames a GPU."""

        def _blame(round_: Round) -> None:
            known = self._up_to_now(number, tick_of(time_ns), round_)
            round_.gpus.put(known.gpu.uuid, seen_odd(known, [(event, time_ns)], round_))

        if self.works(number):
            self._decide(time_ns, _blame)

    def canary(self, report: TmrReport, reporter: str, time_ns: int) -> None:
        """A host reports a TMR round that the gateway scheduled."""
        one, two, three = (result.gpu for result in report.results)
        wanted = OpenCanary(0, TmrRequest(report.canary_id, (one, two, three)), time_ns + NS_PER_S)

        def _vote(round_: Round) -> None:
            round_.canaries.put(report.canary_id, wanted)
            take_tmr(report, reporter, time_ns, round_)

        self._decide(time_ns, _vote)

    def _known(self, number: int) -> GpuState:
        return self._gateway.memory.gpus[self.fleet[number].uuid]

    def _decide(self, now_ns: int, change: Callable[[Round], object]) -> None:
        """One round, as the core's actor has it."""
        self._gateway.know(now_ns)
        round_ = Round(self._gateway.memory, self._settings, now_ns, Found())
        expire_due(round_)
        change(round_)
        settle(round_)
        self._tell(round_.changes(), now_ns)
        round_.publish()

    def _ease(self, suspects: Sequence[int], tick: int, round_: Round) -> None:
        round_.touched.is_time = True
        for number in suspects:
            self._up_to_now(number, tick, round_)
            round_.touched.eased[self.fleet[number].uuid] = None

    def _up_to_now(self, number: int, tick: int, round_: Round) -> GpuState:
        """A GPU with everything counted that passed before a minute."""
        known = round_.gpus.get(self.fleet[number].uuid) or self._known(number)
        uuid = known.gpu.uuid
        trails = with_passes(known.sms.trails, self._schedule, min(tick, self._counted.get(uuid, tick)), tick)
        self._counted[uuid] = max(tick, self._counted.get(uuid, tick))
        known = replace(known, sms=replace(known.sms, trails=trails))
        round_.gpus.put(uuid, known)
        return known

    def _fail(self, failed: Failures, round_: Round) -> None:
        touched = round_.touched
        for number, unordered in failed.items():
            slots, phase = in_order(self._schedule, unordered), phase_s(self.fleet[number])
            tick = slots[0].tick
            known = self._up_to_now(number, tick, round_)
            uuid, ranks = known.gpu.uuid, self._schedule.ranks[tick % CYCLE_TICKS]
            trails = with_sweep(known.sms.trails, self._schedule, slots, phase)
            round_.gpus.put(uuid, replace(known, sms=replace(known.sms, trails=trails)))
            self._counted[uuid] = tick + 1
            for slot in slots:
                key = uuid, slot.probe_type
                touched.add(touched.failures, key, time_of(tick, ranks[slot[1:]], phase), "")
            touched.accused[uuid] = None

    def _tell(self, changes: Changes, now_ns: int) -> None:
        """Keep what the round did; which SM is to blame stands in the finding that goes with a step."""
        blamed = {found.gpu.uuid: found.sm_id for found in changes.correlations if found.gpu is not None}
        steps = [(moved.gpu_uuid, _STEPS[moved.to_state]) for moved in changes.transitions]
        steps += [
            (record.directive.gpu.uuid, Step.PROPOSE)
            for record in changes.directives.values()
            if record.status is DirectiveStatus.WAITING and record.directive.action is Action.QUARANTINE
        ]
        self.done += [Done(self._numbers[uuid], now_ns - START_NS, step, blamed.get(uuid)) for uuid, step in steps]
        for key, guard in changes.guards.items():
            if guard is not None:
                self.guards.setdefault(key, Shared(guard.shared))
