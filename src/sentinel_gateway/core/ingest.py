"""Judged batches in their turn: what was seen before counts no more, the rest changes GPUs and is put on record."""

from __future__ import annotations

from collections import Counter, defaultdict

from sentinel_gateway.core import records
from sentinel_gateway.core.judging import Judged, JudgedAnomalies, JudgedProbes, JudgedTelemetry
from sentinel_gateway.core.round import Cause, Round
from sentinel_gateway.domain.batches import Source
from sentinel_gateway.domain.gpus import GpuState, suspicion, with_anomalies, with_probes
from sentinel_gateway.domain.health import Action, after
from sentinel_gateway.domain.identity import Gpu
from sentinel_gateway.domain.probes import Ack
from sentinel_gateway.domain.telemetry import LatestTelemetry


def take_probes(judged: JudgedProbes, round_: Round) -> Ack:
    """Count a batch of probe executions."""
    ack = _ack(judged, "executions")
    if not _is_new(judged, round_):
        return ack
    for group in judged.groups.values():
        kinds = Counter((outcome.probe_type, outcome.result) for outcome in group.outcomes)
        round_.counters.executions.update(kinds)
        known = round_.gpu(group.gpu)
        keep(round_, with_probes(known, group.outcomes, round_.now_ns, round_.window_s))
    round_.entries.extend(records.probe(execution, time_ns) for execution, time_ns in judged.evidence)
    return ack


def take_anomalies(judged: JudgedAnomalies, round_: Round) -> Ack:
    """Count a batch of anomalies."""
    ack = _ack(judged, "anomalies")
    if not _is_new(judged, round_):
        return ack
    by_gpu: defaultdict[str, list[int]] = defaultdict(list)
    described: dict[str, Gpu] = {}
    for taken in judged.taken:
        by_gpu[taken.event.gpu.uuid].append(taken.time_ns)
        described[taken.event.gpu.uuid] = taken.event.gpu
        round_.counters.anomalies[taken.event.anomaly_type] += 1
        round_.entries.append(records.anomaly_entry(taken.data, taken.event.gpu, taken.time_ns))
    for uuid, times_ns in by_gpu.items():
        known = round_.gpu(described[uuid])
        keep(round_, with_anomalies(known, times_ns, round_.now_ns, round_.window_s))
    return ack


def take_telemetry(judged: JudgedTelemetry, round_: Round) -> Ack:
    """Keep the newest report of each GPU."""
    ack = _ack(judged, "reports")
    if not _is_new(judged, round_):
        return ack
    for report, time_ns in judged.taken:
        known = round_.gpu(report.gpu)
        round_.gpus.put(report.gpu.uuid, known)
        if time_ns >= (round_.telemetry_times.get(report.gpu.uuid) or 0):
            round_.telemetry_times.put(report.gpu.uuid, time_ns)
            round_.put_telemetry(known.gpu_id, LatestTelemetry(report, round_.now_ns))
    return ack


def keep(round_: Round, known: GpuState) -> None:
    """Keep a GPU after new evidence, as SUSPECT where that is what the evidence says."""
    reason = suspicion(known, round_.settings.belief, round_.settings.health)
    if not reason:
        round_.put_gpu(known)
        return
    cause = Cause("gpu.suspected", reason, round_.settings.name)
    round_.move(known, after(known.state, Action.MARK_SUSPECT), cause)


def refuse_whole(judged: Judged, round_: Round) -> Ack:
    """Take nothing of a batch whose own time cannot be believed."""
    _count_refusals(judged, round_)
    return _ack(judged, "parts")


def _ack(judged: Judged, what: str) -> Ack:
    return Ack(judged.key.sequence, judged.is_any_left, judged.refusals.words(judged.total, what))


def _count_refusals(judged: Judged, round_: Round) -> None:
    for name, count in judged.refusals.counts.items():
        round_.counters.refused[judged.key.kind, name] += count


def _is_new(judged: Judged, round_: Round) -> bool:
    """Whether a batch counts; remembers it then."""
    key = judged.key
    _count_refusals(judged, round_)
    if not judged.is_any_left:
        return False
    if round_.was_seen(key):
        round_.counters.duplicates[key.kind] += 1
        return False
    known = round_.sources.get((key.kind, key.hostname)) or Source(key.kind, key.hostname)
    later = known.after(key.sequence, round_.now_ns)
    round_.sources.put((key.kind, key.hostname), later)
    round_.counters.batches[key.kind] += 1
    round_.counters.missing[key.kind] += later.missing - known.missing
    round_.add_batch(key)
    return True
