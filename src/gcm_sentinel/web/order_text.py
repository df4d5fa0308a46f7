"""Orders in plain text: what one would send and do to others, and what became of those of an incident.

Used by `approvals`, `incidents show` and `incidents show --evidence`. The words of models and the names of objects are
hostile. A request is shown as it is, only what could pass for another line or move the terminal is made visible.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import datetime

from gcm_sentinel.domain.action_record import UNDER_WAY, ActionState
from gcm_sentinel.domain.assessment import Assessment
from gcm_sentinel.domain.errors import BadConfiguration
from gcm_sentinel.domain.evidence import DESK, Evidence, ResultStatus
from gcm_sentinel.domain.foreseen import Foreseen, foreseen
from gcm_sentinel.domain.json_reader import JsonReader
from gcm_sentinel.domain.operations import Operation
from gcm_sentinel.domain.order_history import OrderBook, OrderHistory
from gcm_sentinel.domain.question import answer_in_words
from gcm_sentinel.web.plain import moment, printable


def in_its_place(line: str) -> str:
    """`line` as one printable line, its indent kept and its white space as it is."""
    words = line.lstrip(" ")
    return " " * (len(line) - len(words)) + " ".join(printable(words).splitlines())


def request_lines(calls: Sequence[str]) -> Iterator[str]:
    """Every request whole."""
    yield f"  would send  {len(calls)} request{'s' if len(calls) != 1 else ''}:"
    for call in calls:
        yield f"    {call}"


def because_words(assessment: Assessment | None) -> Iterator[str]:
    """What the order rests on, in two lines."""
    if assessment is None:
        yield "the assessment is not stored any more: look before you decide"
        return
    found = assessment.draft
    yield f"{found.severity}, {found.fault_class}, confidence {found.confidence:.0%}: {' '.join(found.summary.split())}"
    yield f"{' '.join(found.root_cause.split())} (incidents show {assessment.incident_id} shows the evidence)"


def effect_lines(effect: Foreseen | None) -> Iterator[str]:
    """Every pod it would move or stop, what it leaves alone, and what else to know."""
    if effect is None:
        yield "  affects     what was foreseen is not stored any more: look before you decide"
        return
    pods = len(effect.affects)
    yield f"  affects     {pods or 'no'} pod{'s' if pods != 1 else ''}{':' if pods else ''}"
    for name, lines in (("", effect.affects), ("leaves", effect.spared), ("know", effect.notes)):
        if name and lines:
            yield f"  {name}"
        for line in lines:
            yield f"    {line}"


def plan_lines(evidence: Evidence) -> list[str]:
    """The plan that `evidence` notes; nothing where it notes none.

    Raises:
        BadConfiguration: it is not what the desk writes; the message names the place.
    """
    if evidence.source != DESK or evidence.result.status is not ResultStatus.OK or not evidence.result.summary:
        return []
    noted = JsonReader.of(evidence.result.summary, f"evidence {evidence.id}")
    order = noted.inside("proposal")
    target = order.inside("target")
    kind, name, uid = (target.get(key, str) for key in ("kind", "name", "uid"))
    lines = [
        f"plan: {order.get('operation', str)} on {kind} {name} (UID {uid})",
        f"  why         {order.get('reason', str) or 'no reason'}",
        *request_lines(noted.texts("dry_run")),
        *effect_lines(foreseen(noted.get("digest", str), [evidence])),
        f"  done when   {noted.get('verified_when', str)}",
        f"  undone by   {noted.get('undone_by', str)}",
        f"  digest      {noted.get('digest', str)} (of the order)",
        f"  next        {noted.get('what_next', str)}",
    ]
    return list(map(in_its_place, lines))


def plan_or_damage(evidence: Evidence) -> list[str]:
    """As `plan_lines`; where what the desk noted is damaged, a line that says so."""
    try:
        return plan_lines(evidence)
    except BadConfiguration as error:
        return [in_its_place(f"the plan cannot be read: {error}")]


def history_lines(item: OrderHistory, now: datetime) -> Iterator[str]:
    """One order of an incident: what, where it stands, why, who decided, what came of it, and what gives it back."""
    record, order = item.record, item.record.order
    at = record.ended_at or record.started_at or record.requested_at
    yield f"{order.investigation_id}  {order.operation} on {target_words(item)}  {record.state} {moment(at)} UTC"
    by, why = order.asked_by or "nobody named", order.reason or "no reason"
    yield f"    asked by {by} {moment(record.requested_at)} UTC: {why}"
    for question in item.questions:
        yield f"    question {question.id}: {answer_in_words(question, now)}"
    for words in item.said:
        yield f"    {words}"
    if words := stands_words(item):
        yield f"    {words}"


def target_words(item: OrderHistory) -> str:
    """``node gpu-7``, ``gpu GPU-5ad3 on gpu-7``."""
    target = item.record.order.target
    return f"{target.kind} {target.name}" + (f" on {target.node}" if target.node not in ("", target.name) else "")


def stands_words(item: OrderHistory) -> str:
    """What of it still stands and what gives it back; empty where nothing does."""
    if not item.stands:
        return ""
    back = item.given_back_by
    if item.record.state in UNDER_WAY:
        return f"under way; given back by: {back}" if back else "under way; nothing gives it back"
    may = "may stand" if item.record.state is ActionState.FAILED else "stands"
    match item.record.order.operation:
        case Operation.CONDEMN_GPU:
            return f"{may} for good: a condemned GPU is not given back"
        case Operation.SCHEDULE_DEEP_TEST:
            return f"{may} until it is given back by {back}"
        case _:
            return f"{may} until a person gives it back: {back}"


def standing_lines(orders: OrderBook, between: str = "  ") -> Iterator[str]:
    """What of an incident's orders still stands, and of how many that cannot be told."""
    for item in orders.standing:
        yield f"{item.record.order.operation} on {target_words(item)}{between}{stands_words(item)}"
    if orders.more_standing:
        yield f"and {orders.more_standing} older ones"
    if orders.unreadable:
        yield orders.unreadable_words
