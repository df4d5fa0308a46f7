"""Everything known of one GPU, and how each kind of evidence changes it. Values are replaced, never changed."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from operator import itemgetter
from typing import NamedTuple

from sentinel_gateway.domain.belief import NOTHING, Belief, Tally, belief
from sentinel_gateway.domain.deep_tests import DeepTest
from sentinel_gateway.domain.fleet import GpuHealthView, SmHealthView
from sentinel_gateway.domain.health import HealthState
from sentinel_gateway.domain.identity import Gpu
from sentinel_gateway.domain.observations import Observation, Observations, with_observations
from sentinel_gateway.domain.probes import ProbeResult
from sentinel_gateway.domain.rates import Minute, Minutes, minute_of, with_more, within
from sentinel_gateway.domain.settings import BeliefSettings, CoreSettings
from sentinel_gateway.domain.signs import Sign, Signs, with_signs
from sentinel_gateway.domain.sms import Outcome, SmTable

PROBED_LATELY_NS = 24 * 3600 * 10**9
"""A GPU that no probe ran on for longer may be gone, or may never have been."""
_PASS, _FAIL = int(ProbeResult.PASS), int(ProbeResult.FAIL)
_RETURN = (HealthState.DEEP_TEST, HealthState.HEALTHY)


_TIME, _TYPE_AND_TIME = itemgetter(3), itemgetter(1, 3)
"""Of an `Outcome`."""


class NewResults(NamedTuple):
    """Probe results of one GPU."""

    outcomes: Sequence[Outcome]
    kinds: Mapping[tuple[int, int], int]
    """How many of each probe type and result."""
    evidence: Sequence[Outcome]
    """Those that stand beside its failures."""

    @property
    def fails(self) -> bool:
        """Whether a FAIL is among them."""
        return any(result == _FAIL for _, result in self.kinds)


@dataclass(frozen=True, slots=True)
class Summary:
    """Probes that no summary in the ledger tells of yet."""

    start_ns: int = 0
    """When the first of them came; 0 for none."""
    counts: Mapping[tuple[int, int], int] = field(default_factory=dict)
    """By probe type and result."""


@dataclass(frozen=True, slots=True)
class Unsummarised:
    """Probe results that were counted, and that the ledger does not tell of until their hour is over."""

    gpu_uuids: frozenset[str] = frozenset()
    results: int = 0
    since_ns: int = 0
    """When the first of them came; 0 for none."""


@dataclass(frozen=True, slots=True)
class Denial:
    """A person's no to condemning a GPU."""

    time_ns: int
    against: int
    """How much spoke against the GPU then, of all time."""


@dataclass(frozen=True, slots=True)
class GpuState:
    """One GPU."""

    gpu_id: int
    """Its number in the database."""
    gpu: Gpu
    first_seen_ns: int
    state: HealthState = HealthState.HEALTHY
    revision: int = 0
    """How often its state changed, without the gateway's own marks of suspicion."""
    state_changed_ns: int = 0
    state_reason: str = ""
    seen: Tally = NOTHING
    """Of all time."""
    base: Tally = NOTHING
    """`seen` at the last reinstatement: the score is made of what came after."""
    sms: SmTable = field(default_factory=SmTable)
    minutes: Minutes = ()
    last_probe_ns: int | None = None
    last_anomaly_ns: int | None = None
    sampled_ns: int = 0
    """When its score was last sampled."""
    summary: Summary = field(default_factory=Summary)
    overstayed: bool = False
    """It was reported that it stays in its state for too long."""
    signs: Signs = ()
    """Anomalies and TMR dissents that speak against it."""
    deep_test: DeepTest | None = None
    """The one it is in; in QUARANTINED the one that the gateway will begin."""
    proposed_ns: int | None = None
    """When the gateway last asked people to take it out of use."""
    passed: Mapping[int, int] = field(default_factory=dict)
    """When which probe type last passed."""
    returned_ns: int | None = None
    """When it last came back from a deep test."""
    taken_out_by: str = ""
    """Who took it out of use, where all directives about it since were theirs; empty in use, and where several were."""
    taken_out_of: HealthState = HealthState.HEALTHY
    """In which state it was when it was taken out of use; HEALTHY in use."""
    denied: Denial | None = None
    """That a person, since it is in this state, refused to have it condemned."""
    recent: Observations = field(default=(), compare=False)
    """What happened to it in the last minutes; not stored."""

    def is_probed(self, now_ns: int) -> bool:
        """Whether a probe ran on it within a day."""
        return self.last_probe_ns is not None and self.last_probe_ns > now_ns - PROBED_LATELY_NS

    @property
    def is_in_use(self) -> bool:
        """Whether workloads may run on it."""
        return self.state in (HealthState.HEALTHY, HealthState.SUSPECT)

    @property
    def against(self) -> int:
        """How much spoke against it, of all time."""
        return self.seen.failures + self.seen.anomalies + self.seen.dissents


def first_seen(gpu_id: int, gpu: Gpu, now_ns: int) -> GpuState:
    """A GPU nobody spoke of before."""
    return GpuState(gpu_id, gpu, now_ns, state_changed_ns=now_ns)


def described(known: GpuState, gpu: Gpu) -> GpuState:
    """The GPU as `gpu` describes it; what the description leaves empty stays as it was."""
    old = known.gpu
    if gpu is old or gpu == old:
        return known
    newer = _filled(gpu, old)
    return known if newer == old else replace(known, gpu=newer)


def completed(known: GpuState, gpu: Gpu) -> GpuState:
    """The GPU with what was not known of it taken from `gpu`: a pod does not know on which host its GPU is."""
    newer = _filled(known.gpu, gpu)
    return known if newer == known.gpu else replace(known, gpu=newer)


def _filled(gpu: Gpu, rest: Gpu) -> Gpu:
    """`gpu`, and what it leaves empty as in `rest`; an index says something only together with its host."""
    return Gpu(
        uuid=gpu.uuid,
        hostname=gpu.hostname or rest.hostname,
        device_index=gpu.device_index if gpu.hostname else rest.device_index,
        model=gpu.model or rest.model,
        driver_version=gpu.driver_version or rest.driver_version,
        firmware_version=gpu.firmware_version or rest.firmware_version,
    )


def with_probes(known: GpuState, new: NewResults, now_ns: int, window_s: int) -> GpuState:
    """The GPU after more probe results."""
    outcomes, kinds = new.outcomes, new.kinds
    results: Counter[int] = Counter()
    for (_, result), count in kinds.items():
        results[result] += count
    failed = [one for one in outcomes if one.result == _FAIL] if results[_FAIL] else []
    failures = [Minute(minute_of(one.time_ns), failures=1) for one in failed]
    latest = max(map(_TIME, outcomes))
    passes = outcomes if results[_PASS] == len(outcomes) else [one for one in outcomes if one.result == _PASS]
    passed = dict(map(_TYPE_AND_TIME, passes))
    return replace(
        known,
        seen=known.seen
        + Tally(
            results[ProbeResult.PASS],
            results[ProbeResult.FAIL],
            results[ProbeResult.ERROR],
            results[ProbeResult.TIMEOUT],
        ),
        sms=known.sms.with_results(outcomes, new.evidence),
        minutes=with_more(known.minutes, failures, now_ns, window_s) if failures else known.minutes,
        last_probe_ns=max(latest, known.last_probe_ns or 0),
        passed={**known.passed, **{kind: max(at, known.passed.get(kind, 0)) for kind, at in passed.items()}},
        summary=_summed(known.summary, kinds, now_ns),
    )


def _summed(summary: Summary, kinds: Mapping[tuple[int, int], int], now_ns: int) -> Summary:
    counts = dict(summary.counts)
    for kind, count in kinds.items():
        counts[kind] = counts.get(kind, 0) + count
    return Summary(summary.start_ns or now_ns, counts)


def with_anomalies(known: GpuState, times_ns: Sequence[int], now_ns: int, window_s: int) -> GpuState:
    """The GPU after anomalies at these times."""
    more = [Minute(minute_of(time_ns), anomalies=1) for time_ns in times_ns]
    return replace(
        known,
        seen=known.seen + Tally(anomalies=len(times_ns)),
        minutes=with_more(known.minutes, more, now_ns, window_s),
        last_anomaly_ns=max(max(times_ns), known.last_anomaly_ns or 0),
    )


def observed(known: GpuState, more: Iterable[Observation], now_ns: int) -> GpuState:
    """The GPU after something happened to it that patterns are looked for in."""
    return replace(known, recent=with_observations(known.recent, more, now_ns))


def signed(known: GpuState, more: Iterable[Sign]) -> GpuState:
    """The GPU after more signs against it; those from before its last reinstatement count no more."""
    return replace(known, signs=with_signs(known.signs, (one for one in more if one.time_ns >= known.sms.cleared_ns)))


def with_dissent(known: GpuState, time_ns: int, now_ns: int, window_s: int) -> GpuState:
    """The GPU after it stood alone in a TMR round."""
    more = [Minute(minute_of(time_ns), dissents=1)]
    minutes = with_more(known.minutes, more, now_ns, window_s)
    return replace(known, seen=known.seen + Tally(dissents=1), minutes=minutes)


def moved(known: GpuState, state: HealthState, reason: str, now_ns: int, by: str = "") -> GpuState:
    """The GPU in another state, `by` somebody's directive.

    Coming back to HEALTHY clears all that speaks against it: it starts from the prior.
    """
    changed = replace(
        known,
        state=state,
        revision=known.revision + 1,
        state_reason=reason,
        state_changed_ns=now_ns,
        overstayed=False,
        returned_ns=now_ns if (known.state, state) == _RETURN else known.returned_ns,
        taken_out_by=by if state is not HealthState.HEALTHY and (known.is_in_use or known.taken_out_by == by) else "",
        taken_out_of=known.state if known.is_in_use and state is not HealthState.HEALTHY else known.taken_out_of,
        denied=None,
    )
    if state is not HealthState.HEALTHY:
        return replace(changed, deep_test=None)
    return replace(forgiven(changed, now_ns), taken_out_of=HealthState.HEALTHY, deep_test=None, proposed_ns=None)


def given_back(known: GpuState, reason: str, now_ns: int) -> GpuState:
    """The GPU in the state it was taken out of, as if it never had been: nobody judged it, so all evidence stays."""
    return replace(
        known,
        state=known.taken_out_of,
        revision=known.revision + 1,
        state_reason=reason,
        state_changed_ns=now_ns,
        overstayed=False,
        taken_out_by="",
        taken_out_of=HealthState.HEALTHY,
        denied=None,
        deep_test=None,
        proposed_ns=None,
    )


def forgiven(known: GpuState, now_ns: int) -> GpuState:
    """The GPU without all that speaks against it; its state stays, and when people were last asked about it."""
    return replace(known, base=known.seen, sms=known.sms.cleared(now_ns), signs=())


def marked(known: GpuState, state: HealthState, reason: str, now_ns: int) -> GpuState:
    """The GPU as SUSPECT, or no longer, by the gateway's own judgement.

    Its evidence stays, so a fault that comes and goes is not forgotten. What people asked is not overtaken by it.
    """
    return replace(known, state=state, state_reason=reason, state_changed_ns=now_ns, overstayed=False)


def unsummarised(summaries: Iterable[tuple[str, Summary]]) -> Unsummarised:
    """What open summaries hold; each with the UUID of its GPU."""
    waiting = {uuid: summary for uuid, summary in summaries if summary.start_ns}
    return Unsummarised(
        frozenset(waiting),
        sum(sum(summary.counts.values()) for summary in waiting.values()),
        min((summary.start_ns for summary in waiting.values()), default=0),
    )


def belief_of(known: GpuState, settings: BeliefSettings) -> Belief:
    """What its evidence since the last reinstatement says."""
    return belief(known.seen - known.base, settings)


def view(known: GpuState, settings: CoreSettings, now_ns: int, *, with_sms: bool) -> GpuHealthView:
    """How it is told to those who ask."""
    window_s = int(settings.history.rate_window.total_seconds())
    lately, hours = within(known.minutes, now_ns, window_s), window_s / 3600
    current = belief_of(known, settings.belief)
    return GpuHealthView(
        gpu=known.gpu,
        state=known.state,
        reliability_score=current.score,
        alpha=current.alpha,
        beta=current.beta,
        last_probe_ns=known.last_probe_ns,
        last_anomaly_ns=known.last_anomaly_ns,
        probe_pass_count=known.seen.passes,
        probe_fail_count=known.seen.failures,
        anomaly_count=known.seen.anomalies,
        state_changed_ns=known.state_changed_ns,
        state_change_reason=known.state_reason,
        anomaly_rate=lately.anomalies / hours,
        probe_failure_rate=lately.failures / hours,
        sm_health=_sm_views(known, settings.belief) if with_sms else (),
        sdc_event_count=lately.failures + lately.dissents,
        deep_test=known.deep_test if known.state is HealthState.DEEP_TEST else None,
    )


def _sm_views(known: GpuState, settings: BeliefSettings) -> tuple[SmHealthView, ...]:
    return tuple(
        SmHealthView(
            sm_id=sm_id,
            reliability_score=belief(known.sms.seen(sm_id), settings).score,
            probe_pass_count=known.sms.passes[sm_id],
            probe_fail_count=known.sms.failures[sm_id],
        )
        for sm_id in range(len(known.sms))
        if known.sms.passes[sm_id] or known.sms.failures[sm_id]
    )
