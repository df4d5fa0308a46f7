"""What `gcm-sentinel approvals` and `breaker` do: beside a running `serve`, on the same database.

A decision is about what was shown. `approve` therefore needs the digest of the order, or shows the order and asks; what
changed since then has another digest, and the decision does not count.
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
from gcm_sentinel.domain.jsontypes import JsonObject
from gcm_sentinel.domain.operations import DECLARED
from gcm_sentinel.domain.protocols import Clock
from gcm_sentinel.storage.actions import Actions
from gcm_sentinel.storage.approvals import Approvals

DIGEST_SHOWN = 12
CHANNEL = "cli"


@dataclass(frozen=True, slots=True)
class Book:
    """What the commands read and write."""

    actions: Actions
    approvals: Approvals
    clock: Clock


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
        settings, lambda database: work(Book(Actions(database), Approvals(database), database.clock))
    )


async def list_command(book: Book, output: str) -> Exit:
    """`approvals list`."""
    waiting = [(item, await _action(book, item)) for item in await book.approvals.waiting(book.clock.now())]
    if output == "json":
        _print_json({"approvals": [as_json(item, record) for item, record in waiting]})
        return Exit.OK
    if not waiting:
        print("nothing waits for a person")
    for item, record in waiting:
        order = record.order
        left = _left(item.expires_at, book.clock.now())
        print(f"{item.id}  {order.operation} {order.target.name}  {order.incident_id}  {left}  {order.reason}")
    return Exit.OK


async def show_command(book: Book, question: str, output: str) -> Exit:
    """`approvals show`.

    Raises:
        NotFound: there is no such question.
    """
    approval = await _question(book, question)
    record = await _action(book, approval)
    if output == "json":
        _print_json(as_json(approval, record))
    else:
        _print_order(approval, record)
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
    if said.approve and not said.digest and not _confirmed(approval, record):
        print("not approved")
        return Exit.UNMET
    digest = _digest(approval, said.digest)
    by = said.by or asker()
    decision = Decision(said.approve, digest, by, CHANNEL, book.clock.now(), said.reason)
    decided = await book.approvals.decide(approval.id, decision)
    found = decided.approval
    if not decided.won:
        print(f"{found.id} was {found.state} before, by {found.decided_by} ({found.channel})")
        return Exit.OK if (found.state is ApprovalState.APPROVED) is said.approve else Exit.UNMET
    print(f"{found.id} is {found.state} by {found.decided_by}; a running `gcm-sentinel serve` takes it up")
    return Exit.OK


async def show_breaker_command(book: Book) -> Exit:
    """`breaker show`."""
    found = await book.actions.breaker()
    if found.opened_at is None:
        print("the breaker is closed")
        return Exit.OK
    print(f"the breaker is open since {found.opened_at.isoformat()}: {found.reason}")
    print("nothing is taken out of service until a person resets it: gcm-sentinel breaker reset")
    return Exit.UNMET


async def reset_breaker_command(book: Book, by: str) -> Exit:
    """`breaker reset`."""
    closed = await book.actions.close_breaker(book.clock.now(), by or asker())
    print("the breaker is closed" if closed else "the breaker was closed already")
    return Exit.OK


def as_json(approval: Approval, record: ActionRecord) -> JsonObject:
    """A question and the order it is about."""
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
        "reason": order.reason,
        "asked_by": order.asked_by,
        "ruling": record.ruling,
        "note": record.note,
        "undone_by": str(DECLARED[order.operation].undo or ""),
        "verified_when": DECLARED[order.operation].verified,
    }


def _print_order(approval: Approval, record: ActionRecord) -> None:
    order, declared = record.order, DECLARED[record.order.operation]
    print(f"{approval.id}: {order.operation} on {order.target.kind} {order.target.name} (UID {order.target.uid})")
    print(
        f"  incident    {order.incident_id}, asked by {order.asked_by or 'nobody named'}: {order.reason or 'no reason'}"
    )
    print(f"  would send  {len(order.calls)} request{'s' if len(order.calls) != 1 else ''}:")
    for call in order.calls:
        print(f"    {call}")
    print(f"  done when   {declared.verified} (within {declared.verify_within})")
    print(f"  undone by   {declared.undo or 'nothing: it cannot be taken back'}")
    print(f"  digest      {approval.digest}")
    print(f"  stands at   {record.state}; question {approval.state}, good until {approval.expires_at.isoformat()}")
    for words in dict.fromkeys((record.ruling, record.note)):
        if words:
            print(f"  note        {words}")


def _confirmed(approval: Approval, record: ActionRecord) -> bool:
    if not sys.stdin.isatty():
        raise BadConfiguration(
            f"nobody can be asked here: look with `approvals show {approval.id}`, then give --digest with what it shows"
        )
    _print_order(approval, record)
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
    if record is None:
        raise NotFound(f"the action of {approval.id} is not stored any more, or was changed since it was proposed")
    return record


def _left(until: datetime, now: datetime) -> str:
    minutes = int((until - now).total_seconds() // 60)
    return f"{minutes} min left" if minutes else f"until {until.astimezone(UTC):%H:%M:%S}Z"


def _print_json(value: JsonObject) -> None:
    print(json.dumps(value, indent=1, ensure_ascii=False, default=str))
