"""One simulated gateway: it counts what is reported, looks for common causes, and judges, in the order of the core.

Only GPUs with a failure are touched: what passes on others changes nothing, and what passes on a GPU with a trail is
counted by the schedule when it is looked at again (`counting`). A quarantine can only follow a failure, because the
highest evidence so far decides and only failures raise it. Whether a SUSPECT GPU was cleared is asked before its next
failure, which comes to the same: once cleared, further passes keep it so.

Nobody answers proposals, and SUSPECT GPUs are probed as often as all others: the real gateway probes them more often,
so it is no slower than this one.
"""

from __future__ import annotations

from collections import Counter, deque
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from gcm_sentinel.evals.bench.reliability.counting import in_order, with_passes, with_sweep
from gcm_sentinel.evals.bench.reliability.fleet import phase_s
from gcm_sentinel.evals.bench.reliability.schedule import NS_PER_S, TICKS_PER_DAY, Schedule, Slot, time_of
from sentinel_gateway.domain.bursts import WHOLE, Trails, without
from sentinel_gateway.domain.health import HealthState
from sentinel_gateway.domain.identity import Gpu
from sentinel_gateway.domain.signs import Sign, Signs, with_signs
from sentinel_gateway.model.guards import Census, Guard, Shared, Sighting, census, explained, guards
from sentinel_gateway.model.healthy import OBSERVED, observed_rate
from sentinel_gateway.model.limits import may_take_out
from sentinel_gateway.model.settings import ModelSettings
from sentinel_gateway.model.verdicts import Case, Step, Surroundings, Verdict, verdict

_OUT = (HealthState.QUARANTINED, HealthState.DEEP_TEST, HealthState.CONDEMNED)
_HOUR_NS = 3600 * NS_PER_S
_DAY_NS = 24 * _HOUR_NS


@dataclass(slots=True)
class Known:
    """What is known of one GPU that failed."""

    gpu: Gpu
    trails: Trails = field(default_factory=dict)
    signs: Signs = ()
    state: HealthState = HealthState.HEALTHY
    changed_ns: int = 0
    counted_tick: int = 0
    """Everything before this minute is counted."""
    proposed_ns: int | None = None


@dataclass(frozen=True, slots=True)
class Done:
    """One step against one GPU."""

    number: int
    time_ns: int
    verdict: Verdict


class Judge:
    """What the gateway knows, and what it did."""

    def __init__(self, fleet: Sequence[Gpu], schedule: Schedule, settings: ModelSettings) -> None:
        self.fleet = list(fleet)
        self.settings = settings
        self.done: list[Done] = []
        self.guards: dict[str, Guard] = {}
        """Every guard there ever was, by its key, as it was at first."""
        self._schedule = schedule
        self._known: dict[int, Known] = {}
        self._sightings: dict[tuple[int, int], Sighting] = {}
        self._census: Census = census(fleet)
        self._active: tuple[Guard, ...] = ()
        self._window_ns = int(settings.guard_window.total_seconds() * NS_PER_S)
        self._automatic: deque[int] = deque()
        self._failed: set[int] = set()
        self._looked_ns = -_HOUR_NS
        self._results_a_day = schedule.results_before(WHOLE, TICKS_PER_DAY)

    def steps(self) -> Counter[Step]:
        """How often each step was taken."""
        return Counter(one.verdict.step for one in self.done)

    def works(self, number: int) -> bool:
        """Whether a GPU has not been taken out."""
        known = self._known.get(number)
        return known is None or known.state not in _OUT

    def change(self, number: int, gpu: Gpu) -> None:
        """A GPU is described anew, after a rollout."""
        self.fleet[number] = gpu
        self._census = census(self.fleet)
        if (known := self._known.get(number)) is not None:
            known.gpu = gpu

    def report(self, failed: Mapping[int, Sequence[Slot]]) -> None:
        """Results of one minute come in, of GPUs that sweep at the same moment; judge those that failed."""
        now_ns = 0
        touched = [number for number in failed if self.works(number)]
        for number in touched:
            now_ns = max(now_ns, self._count(number, failed[number]))
        if touched:
            self._settle(touched, now_ns)

    def signed(self, number: int, sign: Sign) -> None:
        """A TMR round ends in which a GPU stood alone, or a monitor blames it."""
        known = self._known.setdefault(number, Known(self.fleet[number]))
        known.signs = with_signs(known.signs, [sign])
        self._judge(number, sign.time_ns)

    def _count(self, number: int, failed: Sequence[Slot]) -> int:
        known = self._known.setdefault(number, Known(self.fleet[number]))
        slots, phase = in_order(self._schedule, failed), phase_s(known.gpu)
        tick = slots[0].tick
        at_ns = time_of(tick, 0, phase)
        known.trails = with_passes(known.trails, self._schedule, known.counted_tick, tick)
        if known.state is HealthState.SUSPECT:
            self._judge(number, at_ns)
        known.trails = with_sweep(known.trails, self._schedule, slots, phase)
        known.counted_tick = tick + 1
        for slot in slots:
            self._sightings[number, slot.probe_type] = Sighting(known.gpu, slot.probe_type, at_ns)
        return at_ns

    def _settle(self, touched: Sequence[int], now_ns: int) -> None:
        since_ns = now_ns - self._window_ns
        self._sightings = {key: seen for key, seen in self._sightings.items() if seen.last_ns >= since_ns}
        before = {guard.key for guard in self._active}
        self._active = guards(self._sightings.values(), self._census, self.settings)
        is_new = any(guard.key not in before for guard in self._active if guard.shared is not Shared.HOST)
        for guard in self._active:
            self.guards.setdefault(guard.key, guard)
        recent = {number for number, _ in self._sightings}
        for number in recent if is_new else touched:
            self._acquit(number, since_ns)
        self._look_back(now_ns)
        for number in touched:
            self._judge(number, now_ns)

    def _look_back(self, now_ns: int) -> None:
        """Once an hour: which GPUs failed within a day, for no cause that they share."""
        if now_ns < self._looked_ns + _HOUR_NS:
            return
        self._looked_ns, since_ns = now_ns, now_ns - int(OBSERVED.total_seconds() * NS_PER_S)
        self._failed = {
            number
            for number, known in self._known.items()
            if WHOLE in known.trails and known.trails[WHOLE][-1].time_ns >= since_ns
        }

    def _acquit(self, number: int, since_ns: int) -> None:
        known = self._known[number]
        if types := explained(self._active, known.gpu):
            known.trails = without(known.trails, types, since_ns)

    def _judge(self, number: int, now_ns: int) -> None:
        known = self._known[number]
        case = Case(known.state, known.changed_ns, known.trails, known.signs, self._schedule.sms)
        found = verdict(case, self._around(number, now_ns), now_ns, self.settings)
        if found.step is Step.NOTHING:
            return
        if found.step is Step.PROPOSE:
            if known.proposed_ns is not None and now_ns - known.proposed_ns < _DAY_NS:
                return
            known.proposed_ns = now_ns
        self._do(known, found, now_ns)
        self.done.append(Done(number, now_ns, found))

    def _do(self, known: Known, found: Verdict, now_ns: int) -> None:
        to = {Step.CLEAR: HealthState.HEALTHY, Step.QUARANTINE: HealthState.QUARANTINED}
        state = to.get(found.step, HealthState.SUSPECT)
        if state is not known.state:
            known.state, known.changed_ns = state, now_ns
        if found.step is Step.QUARANTINE:
            self._automatic.append(now_ns)

    def _around(self, number: int, now_ns: int) -> Surroundings:
        gpu, trails = self.fleet[number], self._known[number].trails
        whole = trails.get(WHOLE, ())
        types = {kind for kind in range(16) if whole and whole[-1].types >> kind & 1}
        fails = any(guard.shared is Shared.HOST and guard.covers(gpu) for guard in self._active)
        rate = observed_rate(len(self._failed - {number}), len(self.fleet) - 1, self._results_a_day)
        return Surroundings(fails, self._a_neighbour_passes(number, types), self._has_room(now_ns), rate)

    def _a_neighbour_passes(self, number: int, types: set[int]) -> bool:
        gpu = self.fleet[number]
        return any(
            peer.hostname == gpu.hostname
            and peer.model == gpu.model
            and other != number
            and not any((other, kind) in self._sightings for kind in types)
            for other, peer in enumerate(self.fleet[max(0, number - 8) : number + 9], max(0, number - 8))
        )

    def _has_room(self, now_ns: int) -> bool:
        window_ns = int(self.settings.automatic_window.total_seconds() * NS_PER_S)
        while self._automatic and self._automatic[0] < now_ns - window_ns:
            self._automatic.popleft()
        return len(self._automatic) < may_take_out(len(self.fleet), self.settings)
