"""Directives in their turn: issuing, deciding, taking back, and letting those expire that nobody decided."""

from __future__ import annotations

from dataclasses import replace

from sentinel_gateway.core import records
from sentinel_gateway.core.deep_testing import keep_denial, prepare
from sentinel_gateway.core.round import Cause, Round
from sentinel_gateway.domain.directives import (
    NAMELESS,
    Approval,
    Directive,
    DirectiveOutcome,
    DirectiveRecord,
    DirectiveRequest,
    DirectiveStatus,
    Standing,
    check_may_decide,
    check_may_direct,
    decided,
    decided_before,
    executed,
    expired,
    is_same,
    must_ask,
    outcome_of,
    undoes,
    withdrawn,
)
from sentinel_gateway.domain.errors import AlreadyThere, NotKnown
from sentinel_gateway.domain.gpus import Denial, GpuState, forgiven
from sentinel_gateway.domain.health import Action, HealthState, after
from sentinel_gateway.domain.roles import Caller, Permission


def issue(request: DirectiveRequest, by: Caller, round_: Round) -> DirectiveOutcome:
    """Do what a directive with an id asks, or let it wait.

    Raises:
        NotKnown, IllegalState, AlreadyThere, Denied: as `Core.issue`.
    """
    if (earlier := round_.directive(request.directive_id)) is not None:
        if is_same(request, by.name, earlier):
            return outcome_of(earlier)
        raise AlreadyThere(f"directive id {request.directive_id!r} was used for another directive: make a new one")
    known = round_.gpus.get(request.gpu_uuid)
    if known is None:
        raise NotKnown(f"nobody ever reported about GPU {request.gpu_uuid!r}")
    after(known.state, request.action)
    standing = Standing(known.taken_out_by, _others_who_ask(known, by, round_))
    check_may_direct(request, by, standing)
    if must_ask(request.action, by, standing):
        request = replace(request, requires_approval=True)
    record = _new(request, known, by, round_)
    if record.directive.requires_approval:
        round_.keep_directive(record)
        return outcome_of(record)
    told = executed(record, known.state, round_.now_ns)
    return outcome_of(_undo(told, known, round_) if undoes(request.action, by) else _execute(told, known, round_))


def decide(directive_id: str, approval: Approval, round_: Round, *, is_nameless: bool = False) -> DirectiveRecord:
    """Approve or deny; `is_nameless` is a reviewer who did not show who they are.

    Raises:
        NotKnown, Denied, IllegalState: as `Core.decide`.
    """
    record = round_.directive(directive_id)
    if record is None:
        raise NotKnown(f"there is no directive {directive_id!r}")
    if record.status is not DirectiveStatus.WAITING:
        return decided_before(record, approve=approval.approved)
    approvals = round_.settings.approvals
    if is_nameless and approvals.insecure:
        record = replace(record, note=NAMELESS)
    elif approvals.four_eyes:
        check_may_decide(record, approval.reviewer)
    known = round_.gpus.get(record.directive.gpu.uuid)
    if known is None:
        raise NotKnown(f"GPU {record.directive.gpu.uuid!r} is not known any more")
    told = decided(record, approval, known.state, known.revision)
    if told.status is DirectiveStatus.EXECUTED:
        return _execute(told, known, round_)
    round_.keep_directive(told)
    if told.status is DirectiveStatus.DENIED:
        _believe(told, known, round_)
        keep_denial(told, round_)
        _leave_be(told, round_)
    return told


def _believe(record: DirectiveRecord, known: GpuState, round_: Round) -> None:
    """What the gateway proposed for was not enough for a person: it must not count again with the next failure."""
    directive = record.directive
    is_own = record.issued_by == round_.settings.name and directive.action is Action.QUARANTINE
    if not is_own or not known.is_in_use:
        return
    round_.gpus.put(directive.gpu.uuid, forgiven(known, round_.now_ns))
    reviewer = directive.approval.reviewer if directive.approval else ""
    fields = {"directive_id": record.directive_id, "by": reviewer}
    round_.entries.append(records.system("evidence.cleared", fields, round_.now_ns, known.gpu))


def _leave_be(record: DirectiveRecord, round_: Round) -> None:
    """Somebody decided that a GPU in quarantine is not to be condemned: its mere waiting is no reason to ask again."""
    known = round_.gpus.get(record.directive.gpu.uuid)
    if known is not None and known.state is HealthState.QUARANTINED and record.directive.action is Action.CONDEMN:
        round_.gpus.put(known.gpu.uuid, replace(known, denied=Denial(round_.now_ns, known.against)))


def withdraw(directive_id: str, by: Caller, comment: str, round_: Round) -> DirectiveRecord:
    """Take a waiting directive back; the GPU stays as it is.

    Raises:
        NotKnown, Denied, IllegalState: as `Core.withdraw`.
    """
    record = round_.directive(directive_id)
    if record is None:
        raise NotKnown(f"there is no directive {directive_id!r}")
    told = withdrawn(record, by, comment)
    if told is not record:
        round_.keep_directive(told, by.name)
    return told


def expire_due(round_: Round) -> None:
    """Let every directive expire whose time has run out."""
    due = [one for one in round_.waiting.values() if one.expires_ns is not None and one.expires_ns <= round_.now_ns]
    for record in due:
        round_.keep_directive(expired(record))


def _others_who_ask(known: GpuState, by: Caller, round_: Round) -> frozenset[str]:
    if by.may(Permission.OVERRULE):
        return frozenset()  # whatever they ask, it does not bind them
    about = (record for record in round_.waiting.values() if record.directive.gpu.uuid == known.gpu.uuid)
    return frozenset(record.issued_by for record in about) - {by.name}


def _new(request: DirectiveRequest, known: GpuState, by: Caller, round_: Round) -> DirectiveRecord:
    approvals = round_.settings.approvals
    waits = request.requires_approval or request.action in approvals.actions
    directive = Directive(
        directive_id=request.directive_id,
        gpu=known.gpu,
        action=request.action,
        reason=request.reason,
        initiated_by=request.initiated_by or by.name,
        evidence=request.evidence,
        time_ns=round_.now_ns if request.time_ns is None else request.time_ns,
        priority=request.priority,
        requires_approval=waits,
    )
    timeout_ns = int(approvals.timeout.total_seconds() * 1e9)
    return DirectiveRecord(
        directive=directive,
        status=DirectiveStatus.WAITING,
        from_state=known.state,
        resulting_state=known.state,
        issued_by=by.name,
        issued_ns=round_.now_ns,
        expires_ns=round_.now_ns + timeout_ns if waits else None,
        request_time_ns=request.time_ns,
        from_revision=known.revision,
        overrules=by.may(Permission.OVERRULE),
    )


def _undo(record: DirectiveRecord, known: GpuState, round_: Round) -> DirectiveRecord:
    record = replace(record, resulting_state=known.taken_out_of)
    round_.put_directive(record)
    round_.give_back(known, Cause("directive.executed", record.directive.reason, record.issued_by, record))
    return record


def _execute(record: DirectiveRecord, known: GpuState, round_: Round) -> DirectiveRecord:
    directive = record.directive
    round_.put_directive(record)
    cause = Cause("directive.executed", directive.reason, record.issued_by, record)
    round_.move(known, record.resulting_state, cause)
    prepare(record, round_)
    return record
