"""Probes between wire and values. What a caller asks is checked here once, so the rest knows only plans that can be."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from sentinel.node.v1 import node_pb2
from sentinel_node.domain.errors import Invalid
from sentinel_node.domain.permission import Allowed
from sentinel_node.domain.probes import Depth, Finding, Mismatch, Outcome, ProbeKind, ProbePlan, ProbeReport
from sentinel_node.domain.seams import Progress
from sentinel_node.service.wire_values import cut, timestamp

KINDS: Mapping[ProbeKind, node_pb2.ProbeKind.ValueType] = {
    ProbeKind.FMA: node_pb2.PROBE_KIND_FMA,
    ProbeKind.TENSOR_CORE: node_pb2.PROBE_KIND_TENSOR_CORE,
    ProbeKind.TRANSCENDENTAL: node_pb2.PROBE_KIND_TRANSCENDENTAL,
    ProbeKind.AES: node_pb2.PROBE_KIND_AES,
    ProbeKind.MEMORY: node_pb2.PROBE_KIND_MEMORY,
    ProbeKind.REGISTER_FILE: node_pb2.PROBE_KIND_REGISTER_FILE,
    ProbeKind.SHARED_MEMORY: node_pb2.PROBE_KIND_SHARED_MEMORY,
}
DEPTHS: Mapping[Depth, node_pb2.ProbeDepth.ValueType] = {
    Depth.LIGHT: node_pb2.PROBE_DEPTH_LIGHT,
    Depth.DEEP: node_pb2.PROBE_DEPTH_DEEP,
}
OUTCOMES: Mapping[Outcome, node_pb2.ProbeOutcome.ValueType] = {
    Outcome.PASS: node_pb2.PROBE_OUTCOME_PASS,
    Outcome.FAIL: node_pb2.PROBE_OUTCOME_FAIL,
    Outcome.ERROR: node_pb2.PROBE_OUTCOME_ERROR,
    Outcome.TIMEOUT: node_pb2.PROBE_OUTCOME_TIMEOUT,
    Outcome.NOT_RUN: node_pb2.PROBE_OUTCOME_NOT_RUN,
}
PERMISSIONS: Mapping[Allowed, node_pb2.ProbePermission.ValueType] = {
    Allowed.OFF: node_pb2.PROBE_PERMISSION_OFF,
    Allowed.LIGHT: node_pb2.PROBE_PERMISSION_LIGHT,
    Allowed.DEEP: node_pb2.PROBE_PERMISSION_DEEP,
}

_KIND_OF = {number: kind for kind, number in KINDS.items()}
_DEPTH_OF = {node_pb2.PROBE_DEPTH_UNSPECIFIED: Depth.LIGHT} | {number: depth for depth, number in DEPTHS.items()}
_MOST_SMS = 4096
_MOST_SM = 65_535
_MOST_REPETITIONS = 1_000_000
_LONGEST_NAME = 64
_MOST_TEXT = 2000
_MOST_NOTES = 100


@dataclass(frozen=True, slots=True)
class Deadlines:
    """How long probes may take."""

    usual_s: float = 60.0
    """Where the caller names none."""
    longest_s: float = 3600.0


def plan_of(request: node_pb2.ProbeRequest, deadlines: Deadlines, draw_seed: Callable[[], int]) -> ProbePlan:
    """What is asked for, with everything filled in that the wire leaves open.

    Raises:
        Invalid: a field cannot be; names it.
    """
    if request.kind not in _KIND_OF:
        raise Invalid(f"kind must be one of the seven probe kinds, not {request.kind}")
    if request.depth not in _DEPTH_OF:
        raise Invalid(f"depth must be light or deep, not {request.depth}")
    if not request.gpu_uuid:
        raise Invalid("gpu_uuid is empty: name one GPU, DescribeNode lists them")
    if len(request.variant) > _LONGEST_NAME:
        raise Invalid(f"variant is longer than {_LONGEST_NAME} characters")
    _check_sms(request)
    _check_between("repetitions", request.repetitions, 0, _MOST_REPETITIONS)
    _check_between("memory_share", request.memory_share, 0, 1)
    _check_between("deadline_seconds", request.deadline_seconds, 0, deadlines.longest_s)
    deadline_s = request.deadline_seconds or deadlines.usual_s
    _check_between("soak_seconds", request.soak_seconds, 0, deadline_s)
    return ProbePlan(
        kind=_KIND_OF[request.kind],
        gpu_uuid=request.gpu_uuid,
        variant=request.variant,
        seed=request.seed if request.HasField("seed") else draw_seed(),
        depth=_DEPTH_OF[request.depth],
        sms=tuple(request.sm_ids),
        repetitions=request.repetitions,
        memory_share=request.memory_share,
        soak_s=request.soak_seconds,
        deadline_s=deadline_s,
    )


def _check_sms(request: node_pb2.ProbeRequest) -> None:
    if len(request.sm_ids) > _MOST_SMS:
        raise Invalid(f"sm_ids names {len(request.sm_ids)} SMs, {_MOST_SMS} at most; leave it empty for all")
    if len(set(request.sm_ids)) != len(request.sm_ids):
        raise Invalid("sm_ids names an SM twice")
    if request.sm_ids and max(request.sm_ids) > _MOST_SM:
        raise Invalid(f"sm_ids holds {max(request.sm_ids)}, which no GPU has")


def _check_between(field: str, value: float, least: float, most: float) -> None:
    if not (math.isfinite(value) and least <= value <= most):
        raise Invalid(f"{field} must be between {least:g} and {most:g}, not {value:g}")


def request_message(plan: ProbePlan) -> node_pb2.ProbeRequest:
    """A plan as a request that asks for exactly it."""
    return node_pb2.ProbeRequest(
        kind=KINDS[plan.kind],
        gpu_uuid=plan.gpu_uuid,
        variant=plan.variant,
        depth=DEPTHS[plan.depth],
        seed=plan.seed,
        sm_ids=plan.sms,
        repetitions=plan.repetitions,
        memory_share=plan.memory_share,
        soak_seconds=plan.soak_s,
        deadline_seconds=plan.deadline_s,
    )


def progress_message(progress: Progress) -> node_pb2.ProbeProgress:
    """How far a run has come."""
    return node_pb2.ProbeProgress(done=progress.done, total=progress.total, stage=progress.stage)


def finding_message(finding: Finding) -> node_pb2.ProbeFinding:
    """How one SM, or one stretch of memory, did."""
    return node_pb2.ProbeFinding(
        outcome=OUTCOMES[finding.outcome],
        sm_id=finding.sm,
        variant=finding.variant,
        reason=cut(finding.reason, _MOST_TEXT)[0],
        expected_hash=finding.expected_hash,
        actual_hash=finding.actual_hash,
        mismatch=_mismatch_message(finding.mismatch) if finding.mismatch else None,
        mismatch_words=finding.mismatch_words,
        mismatch_bits=finding.mismatch_bits,
        repetitions=finding.repetitions,
        duration_ns=finding.duration_ns,
        tested_bytes=finding.tested_bytes,
    )


def _mismatch_message(mismatch: Mismatch) -> node_pb2.ProbeMismatch:
    return node_pb2.ProbeMismatch(
        byte_offset=mismatch.byte_offset,
        expected_value=mismatch.expected,
        actual_value=mismatch.actual,
        differing_bits=mismatch.bits,
        device_address=mismatch.device_address,
    )


def report_message(report: ProbeReport) -> node_pb2.ProbeReport:
    """What a run came to, without its findings."""
    return node_pb2.ProbeReport(
        plan=request_message(report.plan),
        outcome=OUTCOMES[report.outcome],
        passed=report.count(Outcome.PASS),
        failed=report.count(Outcome.FAIL),
        errors=report.count(Outcome.ERROR),
        timeouts=report.count(Outcome.TIMEOUT),
        not_run=report.count(Outcome.NOT_RUN),
        sms_present=report.sms_present,
        started=timestamp(report.started_unix_ns),
        ended=timestamp(report.ended_unix_ns),
        gpu_clock_mhz=report.gpu_clock_mhz,
        gpu_temperature_c=report.temperature_c,
        gpu_power_w=report.power_w,
        notes=[cut(note, _MOST_TEXT)[0] for note in report.notes[:_MOST_NOTES]],
    )
