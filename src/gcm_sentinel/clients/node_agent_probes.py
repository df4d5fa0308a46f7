"""Probes between the wire of a node's agent and our values. An outcome that we do not know is refused, not guessed."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import timedelta

from gcm_sentinel.clients.node_agent_convert import gpu, moment
from gcm_sentinel.domain.errors import BadResponse
from gcm_sentinel.domain.node_probes import (
    ProbeFinding,
    ProbeKind,
    ProbeMismatch,
    ProbeOrder,
    ProbeOutcome,
    ProbeProgress,
    ProbeRun,
)
from sentinel.node.v1 import node_pb2

_KINDS = {kind: node_pb2.ProbeKind.Value(f"PROBE_KIND_{kind.name}") for kind in ProbeKind}
_KIND_OF = {number: kind for kind, number in _KINDS.items()}
_OUTCOME_OF = {node_pb2.ProbeOutcome.Value(f"PROBE_OUTCOME_{one.name}"): one for one in ProbeOutcome}

_GRAVEST_FIRST = (
    ProbeOutcome.FAIL,
    ProbeOutcome.TIMEOUT,
    ProbeOutcome.ERROR,
    ProbeOutcome.NOT_RUN,
    ProbeOutcome.PASS,
)


def request(order: ProbeOrder) -> node_pb2.ProbeRequest:
    """An order for the wire."""
    return node_pb2.ProbeRequest(
        kind=_KINDS[order.kind],
        gpu_uuid=order.gpu_uuid,
        variant=order.variant,
        depth=node_pb2.PROBE_DEPTH_DEEP if order.is_deep else node_pb2.PROBE_DEPTH_LIGHT,
        seed=order.seed,
        sm_ids=order.sms,
        deadline_seconds=order.deadline.total_seconds(),
        soak_seconds=order.soak.total_seconds(),
    )


def progress(message: node_pb2.ProbeProgress) -> ProbeProgress:
    """How far a run has come."""
    return ProbeProgress(message.done, message.total, message.stage)


def finding(message: node_pb2.ProbeFinding) -> ProbeFinding:
    """How one SM, or one stretch of memory, did.

    Raises:
        BadResponse: it ended in a way we do not know, which is neither a pass nor a failure.
    """
    return ProbeFinding(
        outcome=_outcome(message.outcome),
        sm=message.sm_id if message.HasField("sm_id") else None,
        variant=message.variant,
        reason=message.reason,
        mismatch=_mismatch(message.mismatch) if message.HasField("mismatch") else None,
        mismatch_words=message.mismatch_words,
        mismatch_bits=message.mismatch_bits,
        repetitions=message.repetitions,
        duration_ns=message.duration_ns,
        tested_bytes=message.tested_bytes,
        expected_hash=message.expected_hash,
        actual_hash=message.actual_hash,
    )


def _mismatch(message: node_pb2.ProbeMismatch) -> ProbeMismatch:
    address = message.device_address if message.HasField("device_address") else None
    bits = tuple(message.differing_bits)
    return ProbeMismatch(message.byte_offset, message.expected_value, message.actual_value, bits, address)


def run(event: node_pb2.ProbeEvent, findings: Iterable[ProbeFinding], order: ProbeOrder) -> ProbeRun:
    """The last event of a run with the findings before it; what it came to follows from them.

    Raises:
        BadResponse: findings are missing, they are not what the report says, it is of another probe than was ordered,
            or something in it is not known to us.
    """
    report, found = event.report, tuple(findings)
    _check_counts(report, found)
    carried_out, on = _order(report.plan), gpu(event.gpu)
    _check_order(carried_out, on.uuid, order)
    outcome = _gravest(found)
    if _outcome(report.outcome) is not outcome:
        raise BadResponse(f"the node's agent reports {_outcome(report.outcome)}, and its findings come to {outcome}")
    if outcome is ProbeOutcome.PASS and not order.sms and order.kind is not ProbeKind.MEMORY:
        _check_every_sm(report.sms_present, found)
    return ProbeRun(
        run_id=event.run_id,
        gpu=on,
        order=carried_out,
        outcome=outcome,
        findings=found,
        sms_present=report.sms_present,
        started=moment(report.started),
        ended=moment(report.ended),
        gpu_clock_mhz=report.gpu_clock_mhz,
        temperature_c=report.gpu_temperature_c,
        power_w=report.gpu_power_w,
        notes=tuple(report.notes),
    )


def _check_counts(report: node_pb2.ProbeReport, found: Sequence[ProbeFinding]) -> None:
    told = {
        ProbeOutcome.PASS: report.passed,
        ProbeOutcome.FAIL: report.failed,
        ProbeOutcome.ERROR: report.errors,
        ProbeOutcome.TIMEOUT: report.timeouts,
        ProbeOutcome.NOT_RUN: report.not_run,
    }
    if sum(told.values()) != len(found):
        raise BadResponse(f"the node's agent reports {sum(told.values())} findings and sent {len(found)}")
    for outcome, count in told.items():
        if count != (sent := sum(one.outcome is outcome for one in found)):
            raise BadResponse(f"the node's agent reports {count} findings of {outcome} and sent {sent}")


def _check_every_sm(present: int, found: Sequence[ProbeFinding]) -> None:
    """A pass of all SMs is one of every SM in every variant; an agent tells of those it did not reach, as NOT_RUN."""
    for variant in dict.fromkeys(one.variant for one in found):
        told = {one.sm for one in found if one.variant == variant and one.sm is not None}
        if not present or len(told) < present:
            of = f"{present or 'an unknown number of'} SMs"
            raise BadResponse(f"the node's agent reports a pass, and told of {len(told)} of {of} in {variant[:80]!r}")


def _check_order(carried_out: ProbeOrder, gpu_uuid: str, order: ProbeOrder) -> None:
    """What was ordered is what was carried out; only what was left open may be anything."""
    if gpu_uuid != order.gpu_uuid or carried_out.gpu_uuid != order.gpu_uuid:
        raise BadResponse(f"the node's agent probed GPU {carried_out.gpu_uuid or gpu_uuid!r}, not {order.gpu_uuid!r}")
    is_same = (
        carried_out.kind is order.kind
        and carried_out.is_deep == order.is_deep
        and carried_out.variant == order.variant
        and carried_out.sms == order.sms
        and carried_out.soak == order.soak
        and order.seed in (None, carried_out.seed)
    )
    if not is_same:
        raise BadResponse(f"the node's agent ran another probe than was ordered: {carried_out} for {order}")


def _gravest(found: Sequence[ProbeFinding]) -> ProbeOutcome:
    """NOT_RUN where nothing was found: nothing was tested then."""
    present = {one.outcome for one in found} or {ProbeOutcome.NOT_RUN}
    return next(outcome for outcome in _GRAVEST_FIRST if outcome in present)


def _order(plan: node_pb2.ProbeRequest) -> ProbeOrder:
    if plan.kind not in _KIND_OF:
        raise BadResponse(f"the node's agent ran a probe of a kind we do not know: {plan.kind}")
    return ProbeOrder(
        kind=_KIND_OF[plan.kind],
        gpu_uuid=plan.gpu_uuid,
        is_deep=plan.depth == node_pb2.PROBE_DEPTH_DEEP,
        variant=plan.variant,
        seed=plan.seed,
        sms=tuple(plan.sm_ids),
        deadline=timedelta(seconds=plan.deadline_seconds),
        soak=timedelta(seconds=plan.soak_seconds),
    )


def _outcome(number: node_pb2.ProbeOutcome.ValueType) -> ProbeOutcome:
    if number not in _OUTCOME_OF:
        raise BadResponse(f"the node's agent told of an outcome that we do not know: {number}")
    return _OUTCOME_OF[number]
