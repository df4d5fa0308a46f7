"""What `gcm-sentinel approvals` and `breaker` do: beside a running `serve`, on the same database.

A decision is about what was shown. `approve` therefore needs the digest of the order, or shows the order and asks; what
changed since then has another digest, and the decision does not count. What is shown holds words of models and names of
objects: no character of theirs reaches the terminal that could move, hide or turn round what stands there.
"""

from __future__ import annotations

import sys
from dataclasses import dataclass
from datetime import UTC, datetime

from gcm_sentinel.app.approval_book import Book, Whole
from gcm_sentinel.app.asker import asker
from gcm_sentinel.app.exits import Exit
from gcm_sentinel.app.output import print_json
from gcm_sentinel.domain.action_record import ActionRecord, Approval, ApprovalState, Decision
from gcm_sentinel.domain.errors import BadConfiguration, NotFound, Refused
from gcm_sentinel.domain.operations import DECLARED
from gcm_sentinel.domain.order_history import OrderHistory
from gcm_sentinel.domain.question import Answer, answer_in_words, answer_to
from gcm_sentinel.web.order_json import approval_to_json, because_to_json
from gcm_sentinel.web.order_text import because_words, effect_lines, in_its_place, request_lines, stands_words

LIST_FORMAT = "gcm-sentinel/approvals/v1"
FORMAT = "gcm-sentinel/approval/v1"
DIGEST_SHOWN = 12
CHANNEL = "cli"


@dataclass(frozen=True, slots=True)
class Said:
    """What a person says about a question."""

    approve: bool
    by: str
    reason: str
    digest: str = ""


async def list_command(book: Book, output: str, *, everything: bool = False, limit: int = 50) -> Exit:
    """`approvals list`; with `everything` the newest questions, whatever became of them."""
    now = book.clock.now()
    questions = await (book.approvals.newest(limit) if everything else book.approvals.waiting(now))
    found = [(item, await book.actions.get(item.action_id)) for item in questions]
    if output == "json":
        shown = [approval_to_json(item, of, await book.foreseen(of), now) for item, of in found if of or everything]
        print_json({"format": LIST_FORMAT, "approvals": shown})
        return Exit.OK
    if not found:
        _say("nobody was asked yet" if everything else "nothing waits for a person")
    for item, record in found:
        _say(f"{item.id}  {_in_short(record, item, now)}")
    if everything and len(found) == limit:
        sys.stderr.write(f"only the newest {limit} are shown (--limit)\n")
    return Exit.OK


async def show_command(book: Book, question: str, output: str) -> Exit:
    """`approvals show`.

    Raises:
        NotFound: there is no such question.
    """
    approval = await _question(book, question)
    record = await _action(book, approval)
    whole = await book.whole(approval, record)
    if output == "json":
        shown = approval_to_json(approval, record, whole.effect, whole.now)
        print_json({"format": FORMAT, **shown, "because": because_to_json(whole.because)})
    else:
        _print_order(whole)
    return Exit.OK


async def decide_command(book: Book, question: str, said: Said) -> Exit:
    """`approvals approve` and `deny`.

    Raises:
        NotFound: there is no such question.
        Refused: it expired or was withdrawn, or the digest is that of another order.
        BadConfiguration: nobody can be asked and no digest was given.
    """
    approval = await _question(book, question)
    record, now = await _action(book, approval), book.clock.now()
    if said.approve and not said.digest and answer_to(approval, now) is Answer.WAITING:
        if not _confirmed(await book.whole(approval, record)):
            print("not approved")
            return Exit.UNMET
        now = book.clock.now()
    decision = Decision(said.approve, _digest(approval, said.digest), said.by or asker(), CHANNEL, now, said.reason)
    decided = await book.approvals.decide(approval.id, decision)
    found = decided.approval
    if not decided.won:
        _say(f"{found.id} was decided before: {answer_in_words(found, now)}")
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


def _in_short(record: ActionRecord | None, question: Approval, now: datetime) -> str:
    waits = answer_to(question, now) is Answer.WAITING
    stands = _left(question.expires_at, now) if waits else answer_in_words(question, now)
    if record is None:
        lost = "its order is not stored any more, or was changed: it cannot be approved"
        return (
            lost if waits else f"{question.incident_id}  {stands}  (its order is not stored any more, or was changed)"
        )
    order = record.order
    cells = (f"{order.operation} {order.target.name}", order.incident_id, stands, order.reason if waits else "")
    return "  ".join(filter(None, cells))


def _print_order(whole: Whole) -> None:
    approval, record = whole.question, whole.record
    order, declared = record.order, DECLARED[record.order.operation]
    asked_by, why = order.asked_by or "nobody named", order.reason or "no reason"
    _say(f"{approval.id}: {order.operation} on {order.target.kind} {order.target.name} (UID {order.target.uid})")
    _say(f"  incident    {order.incident_id}, asked by {asked_by}: {why}")
    for words in because_words(whole.because):
        _say(f"  because     {words}")
    for line in (*request_lines([str(call) for call in order.calls]), *effect_lines(whole.effect)):
        _say(line)
    _say(f"  done when   {declared.verified} (within {declared.verify_within})")
    _say(f"  undone by   {declared.undone_by}")
    _say(f"  digest      {approval.digest}")
    _say(f"  question    {answer_in_words(approval, whole.now)}")
    _say(f"  stands at   {record.state}")
    history = OrderHistory(record)
    for words in history.said:
        _say(f"  note        {words}")
    if words := stands_words(history):
        _say(f"  left        {words}")


def _confirmed(whole: Whole) -> bool:
    if not sys.stdin.isatty():
        shown = f"`approvals show {whole.question.id}`"
        raise BadConfiguration(f"nobody can be asked here: look with {shown}, then give --digest with what it shows")
    _print_order(whole)
    print("Carry out exactly this? Write yes: ", end="", flush=True)
    return sys.stdin.readline().strip() == "yes"


def _digest(approval: Approval, given: str) -> str:
    """The whole digest that `given`, its beginning, stands for; what does not begin so is somebody else's."""
    if not given:
        return approval.digest
    if len(given) < DIGEST_SHOWN:
        raise Refused(
            f"--digest needs {DIGEST_SHOWN} characters at least, not {len(given)}: "
            f"`gcm-sentinel approvals show {approval.id}` shows the order and its digest"
        )
    return approval.digest if approval.digest.startswith(given) else given


async def _question(book: Book, question: str) -> Approval:
    found = await book.approvals.get(question)
    if found is None:
        raise NotFound(
            f"there is no question {question!r}; `gcm-sentinel approvals list` shows those that wait, --all every one"
        )
    return found


async def _action(book: Book, approval: Approval) -> ActionRecord:
    record = await book.actions.get(approval.action_id)
    if record is None or record.order.digest != approval.digest:
        raise NotFound(f"the action of {approval.id} is not stored any more, or was changed since it was proposed")
    return record


def _left(until: datetime, now: datetime) -> str:
    minutes = int((until - now).total_seconds() // 60)
    return f"{minutes} min left" if minutes else f"until {until.astimezone(UTC):%H:%M:%S}Z"


def _say(line: str) -> None:
    """Print one line, its indent kept and its white space as it is, but for what could pass for another line."""
    print(in_its_place(line))
