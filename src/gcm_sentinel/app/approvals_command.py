"""What `gcm-sentinel approvals` and `breaker` do: beside a running `serve`, on the same database.

A decision is about what was shown. `approve` therefore needs the digest of the order, or shows the order and asks; what
changed since then has another digest, and the decision does not count. What is shown holds words of models and names of
objects: no character of theirs reaches the terminal that could move, hide or turn round what stands there.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import UTC, datetime

from gcm_sentinel.app.exits import Exit
from gcm_sentinel.app.incident_store import with_database
from gcm_sentinel.app.incidents_command import asker
from gcm_sentinel.app.settings import Settings
from gcm_sentinel.domain.action_record import ActionRecord, Approval, ApprovalState, Decision
from gcm_sentinel.domain.errors import BadConfiguration, NotFound, Refused
from gcm_sentinel.domain.evidence import DESK
from gcm_sentinel.domain.foreseen import Foreseen, foreseen
from gcm_sentinel.domain.jsontypes import JsonObject
from gcm_sentinel.domain.operations import DECLARED
from gcm_sentinel.domain.protocols import Clock
from gcm_sentinel.storage.actions import Actions
from gcm_sentinel.storage.approvals import Approvals
from gcm_sentinel.storage.evidence import StoredEvidence
from gcm_sentinel.web.plain import printable

LIST_FORMAT = "gcm-sentinel/approvals/v1"
FORMAT = "gcm-sentinel/approval/v1"
DIGEST_SHOWN = 12
CHANNEL = "cli"


@dataclass(frozen=True, slots=True)
class Book:
    """What the commands read and write."""

    actions: Actions
    approvals: Approvals
    evidence: StoredEvidence
    clock: Clock

    async def foreseen(self, record: ActionRecord) -> Foreseen | None:
        """What the order would do to others; None where that is not stored any more.

        Raises:
            Retryable: the database is away.
        """
        noted = await self.evidence.of_source(record.order.investigation_id, DESK)
        return foreseen(record.order.digest, noted)


@dataclass(frozen=True, slots=True)
class Said:
    """What a person says about a question."""

    approve: bool
    by: str
    reason: str
    digest: str = ""


async def with_book(settings: Settings, work: Callable[[Book], Awaitable[Exit]]) -> Exit:
    """Do `work` with the database of `settings`.

    Raises:
        BadConfiguration: there is no database yet, or it is of a newer version.
        Unreachable: the database is away.
    """
    return await with_database(
        settings,
        lambda database: work(Book(Actions(database), Approvals(database), StoredEvidence(database), database.clock)),
    )


async def list_command(book: Book, output: str) -> Exit:
    """`approvals list`."""
    now = book.clock.now()
    waiting = [(item, await book.actions.get(item.action_id)) for item in await book.approvals.waiting(now)]
    if output == "json":
        readable = [as_json(item, record, await book.foreseen(record)) for item, record in waiting if record]
        _print_json({"format": LIST_FORMAT, "approvals": readable})
        return Exit.OK
    if not waiting:
        _say("nothing waits for a person")
    for item, record in waiting:
        _say(f"{item.id}  {_in_short(record, _left(item.expires_at, now))}")
    return Exit.OK


async def show_command(book: Book, question: str, output: str) -> Exit:
    """`approvals show`.

    Raises:
        NotFound: there is no such question.
    """
    approval = await _question(book, question)
    record = await _action(book, approval)
    if output == "json":
        _print_json({"format": FORMAT, **as_json(approval, record, await book.foreseen(record))})
    else:
        _print_order(approval, record, await book.foreseen(record))
    return Exit.OK


async def decide_command(book: Book, question: str, said: Said) -> Exit:
    """`approvals approve` and `deny`.

    Raises:
        NotFound: there is no such question.
        Refused: it expired, or the digest is that of another order.
        BadConfiguration: nobody can be asked and no digest was given.
    """
    approval = await _question(book, question)
    record = await _action(book, approval)
    if said.approve and not said.digest and not _confirmed(approval, record, await book.foreseen(record)):
        print("not approved")
        return Exit.UNMET
    digest = _digest(approval, said.digest)
    by = said.by or asker()
    decision = Decision(said.approve, digest, by, CHANNEL, book.clock.now(), said.reason)
    decided = await book.approvals.decide(approval.id, decision)
    found = decided.approval
    if not decided.won:
        _say(f"{found.id} was {found.state} before, by {found.decided_by} ({found.channel})")
        return Exit.OK if (found.state is ApprovalState.APPROVED) is said.approve else Exit.UNMET
    _say(f"{found.id} is {found.state} by {found.decided_by}; a running `gcm-sentinel serve` takes it up")
    return Exit.OK


async def show_breaker_command(book: Book) -> Exit:
    """`breaker show`."""
    found = await book.actions.breaker()
    if found.opened_at is None:
        print("the breaker is closed")
        return Exit.OK
    _say(f"the breaker is open since {found.opened_at.isoformat()}: {found.reason}")
    print("nothing is taken out of service until a person resets it: gcm-sentinel breaker reset")
    return Exit.UNMET


async def reset_breaker_command(book: Book, by: str) -> Exit:
    """`breaker reset`."""
    closed = await book.actions.close_breaker(book.clock.now(), by or asker())
    print("the breaker is closed" if closed else "the breaker was closed already")
    return Exit.OK


def as_json(approval: Approval, record: ActionRecord, effect: Foreseen | None) -> JsonObject:
    """A question, the order it is about, and its `effect` on others: null where that is not stored any more."""
    order = record.order
    return {
        "id": approval.id,
        "state": str(approval.state),
        "requested_at": approval.requested_at.isoformat(),
        "expires_at": approval.expires_at.isoformat(),
        "decided_by": approval.decided_by,
        "channel": approval.channel,
        "digest": approval.digest,
        "action": str(order.operation),
        "action_state": str(record.state),
        "target": {"kind": order.target.kind, "name": order.target.name, "uid": order.target.uid},
        "incident": order.incident_id,
        "investigation": order.investigation_id,
        "calls": [str(call) for call in order.calls],
        "affects": list(effect.affects) if effect else None,
        "spared": list(effect.spared) if effect else None,
        "plan_notes": list(effect.notes) if effect else None,
        "reason": order.reason,
        "asked_by": order.asked_by,
        "ruling": record.ruling,
        "note": record.note,
        "undone_by": str(DECLARED[order.operation].undo or ""),
        "verified_when": DECLARED[order.operation].verified,
    }


def _in_short(record: ActionRecord | None, left: str) -> str:
    if record is None:
        return "its order is not stored any more, or was changed: it cannot be approved"
    order = record.order
    return f"{order.operation} {order.target.name}  {order.incident_id}  {left}  {order.reason}"


def _print_order(approval: Approval, record: ActionRecord, effect: Foreseen | None) -> None:
    order, declared = record.order, DECLARED[record.order.operation]
    asked_by, why = order.asked_by or "nobody named", order.reason or "no reason"
    _say(f"{approval.id}: {order.operation} on {order.target.kind} {order.target.name} (UID {order.target.uid})")
    _say(f"  incident    {order.incident_id}, asked by {asked_by}: {why}")
    _say(f"  would send  {len(order.calls)} request{'s' if len(order.calls) != 1 else ''}:")
    for call in order.calls:
        _say(f"    {call}")
    _print_effect(effect)
    _say(f"  done when   {declared.verified} (within {declared.verify_within})")
    _say(f"  undone by   {declared.undo or 'nothing: it cannot be taken back'}")
    _say(f"  digest      {approval.digest}")
    _say(f"  stands at   {record.state}; question {approval.state}, good until {approval.expires_at.isoformat()}")
    for words in dict.fromkeys((record.ruling, record.note)):
        if words:
            _say(f"  note        {words}")


def _print_effect(effect: Foreseen | None) -> None:
    if effect is None:
        _say("  affects     what was foreseen is not stored any more: look before you decide")
        return
    pods = len(effect.affects)
    _say(f"  affects     {pods or 'no'} pod{'s' if pods != 1 else ''}{':' if pods else ''}")
    for name, lines in (("", effect.affects), ("leaves", effect.spared), ("know", effect.notes)):
        if name and lines:
            _say(f"  {name}")
        for line in lines:
            _say(f"    {line}")


def _confirmed(approval: Approval, record: ActionRecord, effect: Foreseen | None) -> bool:
    if not sys.stdin.isatty():
        raise BadConfiguration(
            f"nobody can be asked here: look with `approvals show {approval.id}`, then give --digest with what it shows"
        )
    _print_order(approval, record, effect)
    print("Carry out exactly this? Write yes: ", end="", flush=True)
    return sys.stdin.readline().strip() == "yes"


def _digest(approval: Approval, given: str) -> str:
    """The whole digest that `given`, its beginning, stands for; what does not begin so is somebody else's."""
    if not given:
        return approval.digest
    if len(given) < DIGEST_SHOWN:
        raise Refused(f"--digest needs {DIGEST_SHOWN} characters at least, not {len(given)}")
    return approval.digest if approval.digest.startswith(given) else given


async def _question(book: Book, question: str) -> Approval:
    found = await book.approvals.get(question)
    if found is None:
        raise NotFound(f"there is no question {question!r}; `gcm-sentinel approvals list` shows those that wait")
    return found


async def _action(book: Book, approval: Approval) -> ActionRecord:
    record = await book.actions.get(approval.action_id)
    if record is None or record.order.digest != approval.digest:
        raise NotFound(f"the action of {approval.id} is not stored any more, or was changed since it was proposed")
    return record


def _left(until: datetime, now: datetime) -> str:
    minutes = int((until - now).total_seconds() // 60)
    return f"{minutes} min left" if minutes else f"until {until.astimezone(UTC):%H:%M:%S}Z"


def _print_json(value: JsonObject) -> None:
    print(json.dumps(value, indent=1, default=str))  # what is not ASCII is escaped: it may be a terminal's command


def _say(line: str) -> None:
    """Print one line, its indent kept and its white space as it is, but for what could pass for another line."""
    words = line.lstrip(" ")
    print(" " * (len(line) - len(words)) + " ".join(printable(words).splitlines()))
