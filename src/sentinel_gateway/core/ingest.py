"""Judged batches in their turn: what was seen before counts no more, the rest changes GPUs and is put on record."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import replace
from typing import NamedTuple

from sentinel_gateway.core import records
from sentinel_gateway.core.judged import Judged, Refusals
from sentinel_gateway.core.judging import (
    Evidence,
    Group,
    JudgedAnomalies,
    JudgedProbes,
    JudgedTelemetry,
    TakenAnomaly,
    is_of_another_host,
)
from sentinel_gateway.core.noticing import seen_failing, seen_hot, seen_odd
from sentinel_gateway.core.overriding import measure, overrides_for
from sentinel_gateway.core.passing import later
from sentinel_gateway.core.round import Round
from sentinel_gateway.domain.batches import BatchKind, Source
from sentinel_gateway.domain.gpus import NewResults, with_anomalies, with_probes
from sentinel_gateway.domain.happenings import AnomalySource, Heard, TelemetryRead
from sentinel_gateway.domain.health import HealthState
from sentinel_gateway.domain.identity import Gpu
from sentinel_gateway.domain.overhead import Ran
from sentinel_gateway.domain.probes import Ack
from sentinel_gateway.domain.sms import Outcome, kinds_of
from sentinel_gateway.domain.telemetry import LatestTelemetry

_INFERENCE = int(AnomalySource.INFERENCE_MONITOR)


def take_probes(judged: JudgedProbes, round_: Round) -> Ack:
    """Count a batch of probe executions."""
    is_again = not _begins(judged, round_)
    if not is_again:
        ran: dict[str, Ran] = {}
        for uuid, group in judged.groups.items():
            counted = _counted(group, judged, round_)
            if counted.outcomes and _may_tell(group.gpu, len(counted.outcomes), judged, round_):
                _count(group.gpu, counted, round_)
                ran[uuid] = counted.ran
        _remember(judged, round_)
        measure(judged.key.hostname, ran, round_)
        round_.happenings.append(Heard(time_ns=round_.now_ns, hostname=judged.key.hostname))
    more = overrides_for(judged.key.hostname, round_, is_again=is_again)
    return replace(_ack(judged, "executions"), schedule_overrides=more)


class _Counted(NamedTuple):
    """What counts of a group."""

    outcomes: list[Outcome]
    evidence: list[Evidence]
    spent_ns: list[int]

    @property
    def ran(self) -> Ran:
        """What is measured of it."""
        ends_ns = self.outcomes[0].time_ns, self.outcomes[-1].time_ns
        return Ran(min(ends_ns), max(ends_ns), self.spent_ns)


def _counted(group: Group, judged: JudgedProbes, round_: Round) -> _Counted:
    """A signed result other than PASS counts once, in whatever batch it comes."""
    outcomes, evidence, told = list(group.outcomes), [], records.ProbeRecords()
    spent_ns = list(group.spent_ns)
    is_room = bool(group.evidence) and round_.has_room_for([group.gpu])
    for one in group.evidence:
        if one.tag and round_.was_reported(one.tag):
            judged.late.add("repeated", "that another batch reported before")
            outcomes.remove(one.outcome)
            spent_ns[one.outcome.probe_type] -= one.execution.execution_time_ns
        elif is_room:
            round_.entries.append(told.probe(one.execution, one.outcome.time_ns))
            evidence.append(one)
            if one.tag:
                round_.add_tag(one.tag)
    return _Counted(outcomes, evidence, spent_ns)


def _count(gpu: Gpu, counted: _Counted, round_: Round) -> None:
    known, outcomes, uuid = round_.gpu(gpu, by_agent=True), counted.outcomes, gpu.uuid
    kinds = kinds_of(outcomes)
    round_.counters.executions.update(kinds)
    new = later(known, NewResults(outcomes, kinds, outcomes), round_)
    known = with_probes(known, new, round_.now_ns, round_.window_s)
    if counted.evidence:
        known = seen_failing(known, [(one.execution, one.outcome) for one in counted.evidence], round_)
    if known.state is HealthState.SUSPECT:
        round_.touched.eased[uuid] = None
    elif known.state is HealthState.DEEP_TEST:
        round_.touched.tested.setdefault(uuid, []).extend(new.evidence)
    round_.put_gpu(known)


def take_anomalies(judged: JudgedAnomalies, round_: Round) -> Ack:
    """Count a batch of anomalies."""
    if _begins(judged, round_):
        by_gpu: defaultdict[str, list[TakenAnomaly]] = defaultdict(list)
        for one in judged.taken:
            by_gpu[one.event.gpu.uuid].append(one)
        for taken in by_gpu.values():
            gpu = taken[-1].event.gpu
            if _has_room(gpu, len(taken), judged, round_):
                times_ns = [one.time_ns for one in taken]
                known = with_anomalies(round_.gpu(gpu), times_ns, round_.now_ns, round_.window_s)
                round_.put_gpu(seen_odd(known, [(one.event, one.time_ns) for one in taken], round_))
                round_.counters.anomalies.update(one.event.anomaly_type for one in taken)
                round_.counters.inference_anomalies += sum(one.event.source == _INFERENCE for one in taken)
                round_.entries.extend(records.anomaly_entry(one.data, one.event.gpu, one.time_ns) for one in taken)
        _remember(judged, round_)
    return _ack(judged, "anomalies")


def take_telemetry(judged: JudgedTelemetry, round_: Round) -> Ack:
    """Keep the newest report of each GPU."""
    if _begins(judged, round_):
        for report, time_ns in judged.taken:
            if not _may_tell(report.gpu, 1, judged, round_):
                continue
            known = round_.gpu(report.gpu, by_agent=True)
            round_.gpus.put(report.gpu.uuid, seen_hot(known, report, time_ns, round_))
            if time_ns >= (round_.telemetry_times.get(report.gpu.uuid) or 0):
                round_.telemetry_times.put(report.gpu.uuid, time_ns)
                round_.put_telemetry(known.gpu_id, LatestTelemetry(report, round_.now_ns))
                round_.happenings.append(TelemetryRead.of(report, time_ns))
        _remember(judged, round_)
        round_.happenings.append(Heard(time_ns=round_.now_ns, hostname=judged.key.hostname))
    return _ack(judged, "reports")


def refuse_whole(judged: Judged, round_: Round) -> Ack:
    """Take nothing of a batch whose own time cannot be believed."""
    _count_refusals(judged, judged.refusals, round_)
    return _ack(judged, "parts")


def _ack(judged: Judged, what: str) -> Ack:
    return Ack(judged.key.sequence, judged.is_any_left, judged.words(what))


def _count_refusals(judged: Judged, refusals: Refusals, round_: Round) -> None:
    for name, count in refusals.counts.items():
        round_.counters.refused[judged.key.kind, name] += count


def _begins(judged: Judged, round_: Round) -> bool:
    """Whether something of a batch may count: it was not seen before, and its host is or may become known."""
    key, judged.late = judged.key, Refusals()
    _count_refusals(judged, judged.refusals, round_)
    if not judged.is_any_left:
        return False
    if round_.was_seen(key):
        round_.counters.duplicates[key.kind] += 1
        return False
    most = round_.settings.ingest.max_hosts
    if round_.sources.get((key.kind, key.hostname)) is None and len(round_.sources) >= most * len(BatchKind):
        left = judged.total - judged.refusals.counts.total()
        judged.late.add("no_room", f"of a host beyond the {most} that this gateway was told to take", left)
        _count_refusals(judged, judged.late, round_)
        return False
    return True


def _may_tell(gpu: Gpu, count: int, judged: Judged, round_: Round) -> bool:
    """Whether a host's agent may describe a GPU, and there is room for it; else `count` parts are refused."""
    known, hostname = round_.gpus.get(gpu.uuid), judged.key.hostname
    if round_.settings.ingest.own_hostname and known and is_of_another_host(known, hostname, round_.now_ns):
        judged.late.add("other_host", f"of a GPU that the agent of {known.gpu.hostname!r} reports about", count)
        return False
    return _has_room(gpu, count, judged, round_)


def _has_room(gpu: Gpu, count: int, judged: Judged, round_: Round) -> bool:
    """Whether a GPU is or may become known; else `count` parts of the batch are refused."""
    if round_.has_room_for([gpu]):
        return True
    most = round_.settings.ingest.max_gpus
    judged.late.add("no_room", f"of a GPU beyond the {most} that this gateway was told to take", count)
    return False


def _remember(judged: Judged, round_: Round) -> None:
    """Know a batch again of which something counted."""
    key = judged.key
    _count_refusals(judged, judged.late, round_)
    if not judged.is_any_left:
        return
    known = round_.sources.get((key.kind, key.hostname)) or Source(key.kind, key.hostname)
    later = known.after(key.sequence, round_.now_ns)
    round_.sources.put((key.kind, key.hostname), later)
    round_.counters.batches[key.kind] += 1
    round_.counters.missing[key.kind] += later.missing - known.missing
    round_.add_batch(key)
