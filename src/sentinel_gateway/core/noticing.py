"""What a report says against a GPU beside its counts: failures, anomalies, dissents, heat and power, memory errors.

Each becomes an observation with the id of what it rests on, a sign where it is one, and a happening for alerts; and the
GPU is judged at the end of the round.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from sentinel_gateway.core.round import Round
from sentinel_gateway.domain.anomalies import AnomalyEvent, AnomalyType
from sentinel_gateway.domain.gpus import GpuState, observed, signed
from sentinel_gateway.domain.happenings import AnomalySeen, FailuresInARow, Happening, ProbeFailed, ProbeTimedOut
from sentinel_gateway.domain.health import HealthState
from sentinel_gateway.domain.observations import Observation, Observed
from sentinel_gateway.domain.probes import ProbeExecution, ProbeResult
from sentinel_gateway.domain.signs import Sign, SignKind, dissent
from sentinel_gateway.domain.sms import Outcome
from sentinel_gateway.domain.telemetry import TelemetryReport
from sentinel_gateway.domain.text import MAX_NAME
from sentinel_gateway.domain.tmr import TmrVerdict

HOT_C = 85.0
"""Documented: the agent's thermal back-off."""
_FAIL, _TIMEOUT = int(ProbeResult.FAIL), int(ProbeResult.TIMEOUT)
_INVARIANT = int(AnomalyType.INVARIANT_VIOLATION)
_SOURCES = {1: Observed.INFERENCE_ANOMALY, 2: Observed.TRAINING_ANOMALY, 3: Observed.INVARIANT_VIOLATION}


class Told(NamedTuple):
    """A vote as it came in."""

    time_ns: int
    reporter: str


def seen_failing(known: GpuState, evidence: Sequence[tuple[ProbeExecution, Outcome]], round_: Round) -> GpuState:
    """The GPU after executions that did not pass, which its counts have already."""
    uuid, touched = known.gpu.uuid, round_.touched
    failed = [(execution, outcome) for execution, outcome in evidence if outcome.result == _FAIL]
    round_.happenings += [_told(known, *one) for one in evidence if one[1].result in (_FAIL, _TIMEOUT)]
    if not failed:
        return known
    for execution, outcome in failed:
        touched.add(touched.failures, (uuid, outcome.probe_type), outcome.time_ns, _cut(execution.execution_id))
    _tell_of_rows(known, [outcome for _, outcome in failed], round_)
    touched.accused[uuid] = touched.observed[uuid] = None
    return observed(known, (_of(execution, outcome) for execution, outcome in failed), round_.now_ns)


def _cut(event_id: str) -> str:
    """The id as it is kept beside the ledger, which has all of it: agents may send ids of any length."""
    return event_id[:MAX_NAME]


def _told(known: GpuState, execution: ProbeExecution, outcome: Outcome) -> Happening:
    kind = ProbeFailed if outcome.result == _FAIL else ProbeTimedOut
    return kind(
        time_ns=outcome.time_ns,
        gpu=known.gpu,
        event_ids=(_cut(execution.execution_id),),
        sm_id=outcome.sm_id,
        probe_type=outcome.probe_type,
    )


def _of(execution: ProbeExecution, outcome: Outcome) -> Observation:
    return Observation(outcome.time_ns, Observed.PROBE_FAILED, _cut(execution.execution_id), outcome.sm_id)


def _tell_of_rows(known: GpuState, failed: Sequence[Outcome], round_: Round) -> None:
    """For each SM that failed now, how many of its results failed since the last that passed."""
    for sm_id in dict.fromkeys(outcome.sm_id for outcome in failed):
        row = 0
        for burst in reversed(known.sms.trails.get(sm_id, ())):
            if burst.passes:
                break
            row += burst.failures
        if row > 1:
            time_ns = max(outcome.time_ns for outcome in failed if outcome.sm_id == sm_id)
            round_.happenings.append(FailuresInARow(time_ns=time_ns, gpu=known.gpu, sm_id=sm_id, row=row))


def seen_odd(known: GpuState, events: Sequence[tuple[AnomalyEvent, int]], round_: Round) -> GpuState:
    """The GPU after anomalies, each with its time."""
    uuid, touched = known.gpu.uuid, round_.touched
    signs, observations = [], []
    for event, time_ns in events:
        event_id = _cut(event.event_id)
        touched.add(touched.anomalies, (uuid, event.anomaly_type), time_ns, event_id)
        is_invariant = event.anomaly_type == _INVARIANT
        kind = Observed.INVARIANT_VIOLATION if is_invariant else _SOURCES.get(event.source, Observed.INFERENCE_ANOMALY)
        signs.append(Sign(time_ns, SignKind.ANOMALY, event_id, str(event.anomaly_type)))
        observations.append(Observation(time_ns, kind, event_id))
        round_.happenings.append(AnomalySeen.of(event, time_ns))
    touched.accused[uuid] = touched.observed[uuid] = None
    return observed(signed(known, signs), observations, round_.now_ns)


def seen_alone(known: GpuState, verdict: TmrVerdict, before: Sequence[GpuState], told: Told, round_: Round) -> GpuState:
    """The GPU after two others outvoted it; `before`: those of the three that were known, as they were.

    Only the word of HEALTHY GPUs that their agents probe counts: anybody can report a canary of GPUs that do not exist.
    """
    uuid = known.gpu.uuid
    sign = dissent(verdict, [one.gpu for one in before], told.time_ns, told.reporter)
    partners = [one for one in before if one.gpu.uuid != uuid]
    believed = all(one.state is HealthState.HEALTHY and one.is_probed(round_.now_ns) for one in partners)
    if sign is None or not believed or not _may_blame(known, sign.told_by, round_):
        return known
    round_.touched.accused[uuid] = round_.touched.observed[uuid] = None
    seen = Observation(told.time_ns, Observed.TMR_DISSENT, verdict.canary_id)
    return observed(signed(known, [sign]), [seen], round_.now_ns)


def _may_blame(known: GpuState, told_by: str, round_: Round) -> bool:
    """Whether a reporter has not yet blamed as many GPUs of other hosts as one may within the half-life of a dissent.

    Else one that lies could make a whole fleet SUSPECT, canary by canary.
    """
    if not told_by:
        return True
    since_ns = round_.now_ns - int(round_.model.half_life.total_seconds() * 1e9)
    most = max(round_.model.guard_gpus, int(round_.model.automatic_share * len(round_.gpus)))
    blamed = {
        one.gpu.uuid
        for one in round_.gpus.values()
        if any(sign.told_by == told_by and sign.time_ns > since_ns for sign in one.signs)
    }
    return len(blamed - {known.gpu.uuid}) < most


def seen_hot(known: GpuState, report: TelemetryReport, time_ns: int, round_: Round) -> GpuState:
    """The GPU after telemetry: heat, a power limit, new memory errors that could not be corrected."""
    uuid, event_id = known.gpu.uuid, f"telemetry/{known.gpu.uuid}/{time_ns}"
    kinds = []
    if report.thermal and (report.thermal.throttle_active or report.thermal.temperature_c >= HOT_C):
        kinds.append(Observed.THERMAL)
    if report.power and report.power.power_throttle_active:
        kinds.append(Observed.POWER)
    if report.ecc:
        uncorrected = report.ecc.sram_uncorrected + report.ecc.dram_uncorrected
        before = round_.uncorrected.get(uuid)
        if before is not None and uncorrected > before:
            kinds.append(Observed.ECC_ERROR)
        if uncorrected != before:
            round_.uncorrected.put(uuid, uncorrected)
    if not kinds:
        return known
    round_.touched.observed[uuid] = None
    return observed(known, (Observation(time_ns, kind, event_id) for kind in kinds), round_.now_ns)
