"""What a click on Approve or Deny does: who may decides, once, about exactly what the card showed.

Slack proves who clicked (the connection is ours, opened with the app's token). Who may decide is a list of ours: users,
or channels whose members all may. The button's value names question and digest; one that was edited or belongs to an
older order decides nothing, because the digest must be the stored one. Every refusal is logged and told to who clicked.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Protocol

import structlog

from gcm_sentinel.domain.action_record import Approval, Decision
from gcm_sentinel.domain.errors import BadConfiguration, NotFound, Refused, SentinelError
from gcm_sentinel.domain.jsontypes import Json, JsonObject
from gcm_sentinel.domain.protocols import Clock
from gcm_sentinel.domain.question import answer_in_words
from gcm_sentinel.domain.threads import ThreadBook
from gcm_sentinel.notify import oneline
from gcm_sentinel.notify.slack import NAME, Chat
from gcm_sentinel.notify.slack_question import APPROVE, DENY
from gcm_sentinel.notify.slack_text import disarmed, section

CHANNEL = "slack"
_ID = re.compile(r"[UWCG][A-Z0-9]{2,30}")
"""Users begin with U or W, channels with C or G."""
_NAME_CHARACTERS = 80
_TEXT_CHARACTERS = 500

log = structlog.get_logger(__name__)


def no_ids(approvers: Iterable[str]) -> tuple[str, ...]:
    """Those that are the id of no user and no channel, sorted."""
    return tuple(sorted(name for name in approvers if not _ID.fullmatch(name)))


class Decided(Protocol):
    """What stands after somebody decided."""

    @property
    def approval(self) -> Approval:
        """The question."""
        ...

    @property
    def won(self) -> bool:
        """Whether it was this decision."""
        ...


class Approvals(Protocol):
    """Where questions are decided."""

    async def decide(self, approval_id: str, decision: Decision) -> Decided:
        """Decide one, unless somebody has.

        Raises:
            NotFound: there is no such question.
            Refused: it has expired, or was shown with another digest.
        """
        ...


@dataclass(frozen=True, slots=True)
class Click:
    """One click on one of our buttons."""

    approve: bool
    question: str
    digest: str
    user: str
    user_name: str
    channel: str
    message: str
    """``ts`` of the message with the button."""
    thread: str
    """``ts`` of the thread's first message."""
    blocks: tuple[Json, ...]
    """Of the message."""


class SlackButtons:
    """Takes the payloads of interactions."""

    def __init__(
        self, approvals: Approvals, chat: Chat, approvers: Iterable[str], clock: Clock, book: ThreadBook
    ) -> None:
        """`approvers` are ids of users and channels; `book` knows which message asks what.

        Raises:
            BadConfiguration: one is no such id.
        """
        self._approvals = approvals
        self._chat = chat
        self._approvers = frozenset(approvers)
        self._clock = clock
        self._book = book
        if wrong := no_ids(self._approvers):
            raise BadConfiguration(
                f"GCM_SENTINEL_SLACK_APPROVERS: {wrong[0]!r} is no id of a user (U…, W…) or channel (C…, G…)"
            )

    async def __call__(self, payload: JsonObject) -> None:
        """Decide as the click says, or say why not.

        Raises:
            Retryable: the database is away; nothing is decided.
        """
        click = click_of(payload)
        if click is None:
            return
        reason = await self._decided(click)
        if reason:
            fields = {"user": click.user, "user_name": click.user_name, "channel": click.channel}
            log.warning("slack.decision_refused", question=click.question, reason=reason, **fields)
            await self._whisper(click, reason)

    async def _decided(self, click: Click) -> str:
        """Why it does not count; empty where it does."""
        if not {click.user, click.channel} & self._approvers:
            return "neither you nor this channel is in GCM_SENTINEL_SLACK_APPROVERS"
        if not click.question or not click.digest:
            return "this button names no question; look at the newest card of the incident"
        by = f"{click.user} {click.user_name}".rstrip()
        decision = Decision(click.approve, click.digest, by, CHANNEL, self._clock.now())
        try:
            decided = await self._approvals.decide(click.question, decision)
        except (Refused, NotFound) as error:
            return str(error)
        found = decided.approval
        if not decided.won:
            return f"{found.id} was decided before: {answer_in_words(found, decision.at)}"
        log.info("slack.decided", question=found.id, state=str(found.state), by=found.decided_by)
        await self._tell(click, found)
        return ""

    async def _tell(self, click: Click, found: Approval) -> None:
        """In the thread, and in the message in place of the buttons, unless what came of it stands there by now.

        What is decided is decided, should this fail.
        """
        words = disarmed(f"{found.id} is {found.state} by {click.user_name} ({click.user})", _TEXT_CHARACTERS)
        try:
            await self._chat.post(click.channel, words, [section(words)], thread=click.thread)
            blocks = [block for block in click.blocks if isinstance(block, dict)]
            left = [section(words) if block.get("block_id") == found.id else block for block in blocks]
            if blocks and await self._still_asks(click, found):
                await self._chat.change(click.channel, click.message, words, left)
        except SentinelError as error:
            log.warning("slack.decision_not_told", question=found.id, reason=str(error))

    async def _still_asks(self, click: Click, found: Approval) -> bool:
        thread = await self._book.get(NAME, found.incident_id)
        return thread is not None and thread.told.get(found.id) == click.message

    async def _whisper(self, click: Click, reason: str) -> None:
        words = disarmed(f"Nothing was decided: {reason}", _TEXT_CHARACTERS)
        try:
            await self._chat.whisper(click.channel, click.user, words, thread=click.thread)
        except SentinelError as error:
            log.warning("slack.refusal_not_told", user=click.user, reason=str(error))


def click_of(payload: JsonObject) -> Click | None:
    """The click in the payload of an interaction; None where it is another interaction."""
    actions = payload.get("actions")
    pressed = _dict(actions[0]) if isinstance(actions, list) and actions else {}
    name = _text(pressed, "action_id")
    if payload.get("type") != "block_actions" or name not in (APPROVE, DENY):
        return None
    value, user = _value(_text(pressed, "value")), _dict(payload.get("user"))
    message, container = _dict(payload.get("message")), _dict(payload.get("container"))
    ts = _text(container, "message_ts") or _text(message, "ts")
    blocks = message.get("blocks")
    return Click(
        approve=name == APPROVE,
        question=_text(value, "question"),
        digest=_text(value, "digest"),
        user=_text(user, "id"),
        user_name=oneline.cut_characters(
            oneline.one_line(_text(user, "name") or _text(user, "username")), _NAME_CHARACTERS
        ),
        channel=_text(_dict(payload.get("channel")), "id") or _text(container, "channel_id"),
        message=ts,
        thread=_text(container, "thread_ts") or _text(message, "thread_ts") or ts,
        blocks=tuple(blocks) if isinstance(blocks, list) else (),
    )


def _value(text: str) -> JsonObject:
    try:
        return _dict(json.loads(text))
    except ValueError:
        return {}


def _dict(value: object) -> JsonObject:
    return value if isinstance(value, dict) else {}


def _text(data: JsonObject, name: str) -> str:
    value = data.get(name)
    return value if isinstance(value, str) else ""
