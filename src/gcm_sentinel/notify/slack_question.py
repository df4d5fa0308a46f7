"""A question to people as a Slack message of its own: everything that would be done, or no button.

One message per question, in the incident's thread and in the channel, so that it stands as long as the question waits,
whatever another investigation has the card say meanwhile. It holds each request, each pod and each note whole; where
Slack has no room for all of it there is no button, and people are sent to the command line, which shows it. The button
carries the digest of the order it was shown with, so that a decision counts for nothing else.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence

from gcm_sentinel.domain.action_record import ActionState
from gcm_sentinel.domain.jsontypes import JsonObject
from gcm_sentinel.domain.published_action import PublishedAction
from gcm_sentinel.notify.slack_text import BLOCKS, TEXT_CHARACTERS, disarmed, heading, plain, section

APPROVE, DENY = "gcm_sentinel_approve", "gcm_sentinel_deny"
"""Action ids of the buttons."""
MESSAGE_CHARACTERS = 11_000
"""In all blocks of a message together; Slack refuses more than about 13,000 with `msg_blocks_too_long`."""


def asks(action: PublishedAction) -> bool:
    """Whether it waits for a person."""
    return action.state is ActionState.WAITING and action.question is not None


def action_lines(action: PublishedAction) -> Iterator[str]:
    """What became of it, or where it stands."""
    by = f", decided by {action.decided_by}" if action.decided_by else ""
    yield f"{action.words}{by}"
    if action.note:
        yield action.note
    if asks(action) and action.question is not None:
        yield f"until {action.question.expires_at:%H:%M} UTC: gcm-sentinel approvals show {action.question.id}"


def question(action: PublishedAction, *, buttons: bool) -> list[JsonObject]:
    """The blocks of an action that waits; `buttons` says whether decisions are taken here."""
    head = [heading("Waits for a person"), section(*action_lines(action), *filter(None, (action.reason,)))]
    body = [block for title, lines in _parts(action) for block in (heading(title), *_whole(lines))]
    if action.foreseen is None or not _fits(action, body):
        return [*head, section(f"Too much to show here: look with gcm-sentinel approvals show {action.question_id}")]
    return [*head, *body, _buttons(action)] if buttons else [*head, *body]


def settled(action: PublishedAction) -> list[JsonObject]:
    """The blocks in place of the question's, once it waits no more."""
    return [section(*action_lines(action))]


def _parts(action: PublishedAction) -> Iterator[tuple[str, Sequence[str]]]:
    seen = action.foreseen
    if seen is None:
        return
    yield f"Would send ({len(action.calls)})", action.calls
    yield f"Pods affected ({len(seen.affects)})", seen.affects or ("none",)
    if seen.spared:
        yield "Left alone", seen.spared
    if seen.notes:
        yield "To know", seen.notes


def _whole(lines: Sequence[str]) -> Iterator[JsonObject]:
    """Sections with `lines`, as many as they need."""
    pack: list[str] = []
    length = 0
    for line in lines:
        needed = _length(line) + 1
        if pack and length + needed > TEXT_CHARACTERS:
            yield section(*pack)
            pack, length = [], 0
        pack.append(line)
        length += needed
    if pack:
        yield section(*pack)


def _fits(action: PublishedAction, body: Sequence[JsonObject]) -> bool:
    """Whether every line stands in `body` whole, and Slack takes all of it."""
    lengths = [_length(line) + 1 for _, lines in _parts(action) for line in lines]
    return len(body) + 3 <= BLOCKS and max(lengths, default=0) <= TEXT_CHARACTERS and sum(lengths) <= MESSAGE_CHARACTERS


def _length(line: str) -> int:
    """Characters of `line` as Slack counts them."""
    return len(disarmed(line, 10 * MESSAGE_CHARACTERS))


def _buttons(action: PublishedAction) -> JsonObject:
    value = json.dumps({"question": action.question_id, "digest": action.digest})
    what = f"{action.operation} on {action.target.kind} {action.target.name}"
    pods = len(action.foreseen.affects) if action.foreseen else 0
    sure: JsonObject = {
        "title": plain("Carry out exactly this?"),
        "text": plain(
            disarmed(f"{what}, requests: {len(action.calls)}, pods: {pods}, order {action.digest[:12]}", 300)
        ),
        "confirm": plain("Approve"),
        "deny": plain("Not now"),
    }
    approve = {**_button(APPROVE, "Approve", value), "style": "primary", "confirm": sure}
    deny = {**_button(DENY, "Deny", value), "style": "danger"}
    return {"type": "actions", "block_id": action.question_id, "elements": [approve, deny]}


def _button(name: str, label: str, value: str) -> JsonObject:
    return {"type": "button", "action_id": name, "text": plain(label), "value": value}
