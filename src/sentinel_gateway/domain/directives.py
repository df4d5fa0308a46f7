"""Directives: what people and programs ask to be done to a GPU, and the life of one that waits for a person.

    (issued) -> EXECUTED                       where nobody needs to agree
             -> WAITING -> EXECUTED            approved
                        -> DENIED
                        -> EXPIRED             nobody decided in time
                        -> OVERTAKEN           approved, but the GPU's state had changed since it was asked
                        -> WITHDRAWN           taken back before anybody decided

Only WAITING has ways out. Who issued a directive is what its connection proved (`issued_by`); `initiated_by` is what
the request claims. Nobody who is either may decide it, unless access is insecure, where nobody shows who they are.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from enum import IntEnum

from sentinel_gateway.domain.errors import Denied, IllegalState, Invalid
from sentinel_gateway.domain.health import EDGES, Action, HealthState, after
from sentinel_gateway.domain.identity import Gpu, checked_uuid
from sentinel_gateway.domain.roles import GATEWAY, Caller, Permission
from sentinel_gateway.domain.text import MAX_NAME, MAX_WORDS, checked_text, checked_time

MAX_EVIDENCE = 1000
MAX_EVIDENCE_CHARACTERS = 65_536
"""Of all items together: ids, not documents."""
_FIXED_SIZE = 2000
"""Bytes of what is bounded: ids, times, the GPU."""
NAMELESS = "decided without four eyes, by somebody who did not show who they are"
"""Noted of decisions that only insecure access allows."""


class DirectiveStatus(IntEnum):
    """Where a directive stands; numbers equal `sentinel.ext.v1.DirectiveStatus`."""

    WAITING = 1
    EXECUTED = 2
    DENIED = 3
    EXPIRED = 4
    OVERTAKEN = 5
    WITHDRAWN = 6


@dataclass(frozen=True, slots=True)
class DirectiveRequest:
    """What a caller asks for."""

    gpu_uuid: str
    action: Action
    reason: str = ""
    initiated_by: str = ""
    """Empty for the caller's proved name."""
    evidence: tuple[str, ...] = ()
    directive_id: str = ""
    """Made by the client, so that asking twice does it once; empty: the gateway makes one."""
    priority: int = 0
    requires_approval: bool = False
    time_ns: int | None = None
    """When the client says it was issued; None for now."""


@dataclass(frozen=True, slots=True)
class Approval:
    """What a person decided: `sentinel.v1.ApprovalStatus`."""

    approved: bool
    reviewer: str
    review_time_ns: int
    comment: str = ""


@dataclass(frozen=True, slots=True)
class Directive:
    """`sentinel.v1.QuarantineDirective`."""

    directive_id: str
    gpu: Gpu
    action: Action
    reason: str
    initiated_by: str
    evidence: tuple[str, ...]
    time_ns: int
    priority: int = 0
    requires_approval: bool = False
    approval: Approval | None = None


@dataclass(frozen=True, slots=True)
class DirectiveRecord:
    """A directive and where it stands: `sentinel.ext.v1.DirectiveRecord`."""

    directive: Directive
    status: DirectiveStatus
    from_state: HealthState
    resulting_state: HealthState
    """`from_state` unless it was executed."""
    issued_by: str
    """Who the issuing connection proved to be."""
    issued_ns: int
    expires_ns: int | None = None
    executed_ns: int | None = None
    note: str = ""
    """Why it was not executed, or `NAMELESS`."""
    request_time_ns: int | None = None
    """The client's own time, as it was sent; part of what makes two requests the same."""
    from_revision: int = 0
    """How often the GPU's state had changed when this was asked."""
    overrules: bool = True
    """Whether its issuer may overrule what others decided."""

    @property
    def directive_id(self) -> str:
        """Its id."""
        return self.directive.directive_id


@dataclass(frozen=True, slots=True)
class DirectiveOutcome:
    """The answer to an issued directive; refusals are errors."""

    directive_id: str
    status: DirectiveStatus
    resulting_state: HealthState
    """The GPU's state after it; unchanged while it waits."""


@dataclass(frozen=True, slots=True)
class DirectiveFilter:
    """Which directives are asked for; empty fields match all."""

    gpu_uuid: str = ""
    statuses: tuple[DirectiveStatus, ...] = ()


@dataclass(frozen=True, slots=True)
class DirectivePage:
    """Some directives, newest first."""

    directives: tuple[DirectiveRecord, ...]
    next_page_token: str = ""


@dataclass(frozen=True, slots=True)
class DirectiveNews:
    """Something followers are told: a directive was executed, or begins to wait."""

    position: int
    """Grows by one with each news."""
    directive: Directive


def action_of(number: int) -> Action:
    """The action a directive's number on the wire stands for.

    Raises:
        Invalid: an unknown number.
    """
    if number in (1, 2, 3, 4):
        return Action(number)
    raise Invalid(
        f"action {number} is not known: use QUARANTINE (1), REINSTATE (2), CONDEMN (3) or SCHEDULE_DEEP_TEST (4)"
    )


def checked(request: DirectiveRequest) -> DirectiveRequest:
    """`request`, where its fields are within bounds.

    Raises:
        Invalid: names the field.
    """
    checked_uuid(request.gpu_uuid)
    if not isinstance(request.action.value, int):
        raise Invalid(f"action {request.action.name} is the gateway's own: no directive can carry it")
    checked_text("reason", request.reason, MAX_WORDS)
    checked_text("initiated_by", request.initiated_by, MAX_NAME)
    checked_text("directive_id", request.directive_id, MAX_NAME)
    checked_time("timestamp", request.time_ns)
    if len(request.evidence) > MAX_EVIDENCE:
        raise Invalid(f"evidence has {len(request.evidence)} items, at most {MAX_EVIDENCE} are taken")
    for item in request.evidence:
        checked_text("evidence", item, MAX_WORDS)
    if (size := sum(map(len, request.evidence))) > MAX_EVIDENCE_CHARACTERS:
        raise Invalid(f"evidence has {size} characters, at most {MAX_EVIDENCE_CHARACTERS} are taken: name ids")
    return request


def as_allowed(request: DirectiveRequest, caller: Caller) -> DirectiveRequest:
    """`request` as this caller may ask for it.

    Who may not overrule asks a person whether a GPU is to be condemned, and speaks for nobody else: whom it named as
    initiator could not decide.
    """
    if caller.may(Permission.OVERRULE):
        return request
    waits = request.requires_approval or request.action is Action.CONDEMN
    return replace(request, initiated_by="", requires_approval=waits)


@dataclass(frozen=True, slots=True)
class Standing:
    """What others have to do with a GPU about which somebody issues a directive."""

    taken_out_by: str
    """Who alone took it out of use; empty for nobody, or several."""
    asked_by: frozenset[str] = frozenset()
    """Others whose directives about it wait for a person."""

    def is_of(self, caller: Caller) -> bool:
        """Whether it is out of use by this caller alone, and nobody else asks anything about it."""
        return self.taken_out_by == caller.name != GATEWAY and not self.asked_by


def undoes(action: Action, caller: Caller) -> bool:
    """Whether a reinstatement only undoes what the caller did, where others judge that the GPU is healthy."""
    return action is Action.REINSTATE and not caller.may(Permission.OVERRULE)


def must_ask(action: Action, caller: Caller, standing: Standing) -> bool:
    """Whether a test waits for a person: one that passes returns the GPU, so it may undo what others decided."""
    is_bound = action is Action.SCHEDULE_DEEP_TEST and not caller.may(Permission.OVERRULE)
    return is_bound and not standing.is_of(caller)


def check_may_direct(request: DirectiveRequest, caller: Caller, standing: Standing) -> None:
    """Who may not overrule gives back only what it took itself, and while nobody else asks anything about it.

    Raises:
        Denied: somebody else took it, decided about it since or asks about it, or it is in use.
    """
    if not undoes(request.action, caller) or standing.is_of(caller):
        return
    by = standing.taken_out_by
    if by and by != caller.name:
        why = f"{by!r} took it out of use"
    elif by and standing.asked_by:
        why = f"a directive of {min(standing.asked_by)!r} waits for a person"
    else:
        why = "it is not out of use by one caller's doing alone"
    raise Denied(f"{caller.name!r} may reinstate only GPUs that it alone deals with; of {request.gpu_uuid}, {why}")


def is_same(request: DirectiveRequest, caller: str, record: DirectiveRecord) -> bool:
    """Whether a request with the id of `record` asks for the same thing again."""
    directive = record.directive
    asked = (request.gpu_uuid, request.action, request.reason, request.evidence, request.priority)
    known = (directive.gpu.uuid, directive.action, directive.reason, directive.evidence, directive.priority)
    return (
        asked == known
        and (request.initiated_by or caller) == directive.initiated_by
        and request.time_ns == record.request_time_ns
        and (directive.requires_approval or not request.requires_approval)
        and record.issued_by == caller
    )


def outcome_of(record: DirectiveRecord) -> DirectiveOutcome:
    """The answer its issuer gets."""
    return DirectiveOutcome(record.directive_id, record.status, record.resulting_state)


def executed(record: DirectiveRecord, state: HealthState, now_ns: int) -> DirectiveRecord:
    """The record once its action is done to a GPU that is `state`.

    Raises:
        IllegalState: `state` does not allow it.
    """
    return replace(
        record,
        status=DirectiveStatus.EXECUTED,
        from_state=state,
        resulting_state=after(state, record.directive.action),
        executed_ns=now_ns,
    )


def check_may_decide(record: DirectiveRecord, reviewer: str) -> None:
    """Four eyes.

    Raises:
        Denied: the reviewer issued it, or is named as its initiator.
    """
    if reviewer in (record.issued_by, record.directive.initiated_by):
        raise Denied(f"directive {record.directive_id} is {reviewer!r}'s own: somebody else must decide it")


def decided_before(record: DirectiveRecord, *, approve: bool) -> DirectiveRecord:
    """The record, where it no longer waits and the decision is the one that was made.

    Raises:
        IllegalState: it was decided otherwise, expired, or never waited.
    """
    approval = record.directive.approval
    if approval is not None and approval.approved == approve:
        return record
    by = f" by {approval.reviewer}" if approval is not None else ""
    raise _waits_no_more(record, by)


def _waits_no_more(record: DirectiveRecord, by: str) -> IllegalState:
    return IllegalState(f"directive {record.directive_id} does not wait: it is {record.status.name}{by}")


def decided(record: DirectiveRecord, approval: Approval, state: HealthState, revision: int) -> DirectiveRecord:
    """The record after a decision about a GPU that is now `state`, which it came to by its change number `revision`.

    Any change since overtakes an approval, also one that was taken back: who asked spoke of the GPU as it was then. A
    mark of suspicion by the gateway itself is no such change; but it may leave nothing to be done.
    """
    told = replace(record, directive=replace(record.directive, approval=approval))
    if not approval.approved:
        return replace(told, status=DirectiveStatus.DENIED, note=_noted(record, f"denied by {approval.reviewer}"))
    if revision != record.from_revision or record.directive.action not in EDGES[state]:
        return _overtaken(told, state, _changed_since(record, state))
    return executed(told, state, approval.review_time_ns)


def _changed_since(record: DirectiveRecord, state: HealthState) -> str:
    now = "again, after other states" if state is record.from_state else "now"
    return f"the GPU was {record.from_state.name} when this was asked and is {state.name} {now}; ask again if need be"


def _overtaken(told: DirectiveRecord, state: HealthState, note: str) -> DirectiveRecord:
    return replace(
        told, status=DirectiveStatus.OVERTAKEN, note=_noted(told, note), from_state=state, resulting_state=state
    )


def _noted(record: DirectiveRecord, note: str) -> str:
    return f"{note}; {record.note}" if record.note else note


def withdrawn(record: DirectiveRecord, by: Caller, comment: str) -> DirectiveRecord:
    """The record once it was taken back; the same record where it already was.

    Raises:
        Denied: it is not theirs, and they may not decide.
        IllegalState: it does not wait any more.
    """
    if by.name != record.issued_by and not by.may(Permission.DECIDE):
        raise Denied(
            f"directive {record.directive_id} was issued by {record.issued_by!r}: only they can take it back, or"
            " somebody who may decide directives"
        )
    if record.status is DirectiveStatus.WITHDRAWN:
        return record
    if record.status is not DirectiveStatus.WAITING:
        raise _waits_no_more(record, f" by {record.directive.approval.reviewer}" if record.directive.approval else "")
    note = f"withdrawn by {by.name}: {comment}" if comment else f"withdrawn by {by.name}"
    return replace(record, status=DirectiveStatus.WITHDRAWN, note=note)


def expired(record: DirectiveRecord) -> DirectiveRecord:
    """The record once nobody decided in time."""
    return replace(record, status=DirectiveStatus.EXPIRED, note="nobody decided in time")


def size_of(record: DirectiveRecord) -> int:
    """About how many bytes it takes on the wire at most."""
    directive = record.directive
    texts = (directive.reason, directive.initiated_by, record.note, *directive.evidence)
    return _FIXED_SIZE + 4 * (sum(map(len, texts)) + (len(directive.approval.comment) if directive.approval else 0))
