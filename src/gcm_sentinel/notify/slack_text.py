"""Words of others on their way into Slack: escaped, disarmed and cut to Slack's limits.

Whatever a model or a log says stands in plain-text objects, which Slack does not interpret; it is escaped and disarmed
all the same, because notifications and search show the same words elsewhere. Cutting comes before escaping, so that no
entity is cut in two, and counts escaped characters.
https://docs.slack.dev/messaging/formatting-message-text#escaping, https://docs.slack.dev/reference/block-kit/blocks.
"""

from __future__ import annotations

import re

from gcm_sentinel.domain.jsontypes import JsonObject
from gcm_sentinel.notify import oneline

HEADER_CHARACTERS = 150
TEXT_CHARACTERS = 2900
"""Slack takes 3000 in one text object."""
FIELD_CHARACTERS = 1900
"""Slack takes 2000."""
NOTIFICATION_CHARACTERS = 300
BLOCKS = 50

_ZERO_WIDTH_SPACE = "\u200b"
_MENTION = re.compile(r"(?<=@)(?=\w)|(?<=<)(?=[!@#])")
_LINK = re.compile(r"(?<=:)(?=//)|(?i:(?<=mailto)(?=:))")
_ENTITIES = {"&": "&amp;", "<": "&lt;", ">": "&gt;"}


def disarmed(text: str, limit: int) -> str:
    """`text` on one line in at most `limit` characters, without a mention or a link that Slack would know."""
    return lines_disarmed((text,), limit)


def lines_disarmed(lines: tuple[str, ...], limit: int) -> str:
    """Several of them, one below the other, in at most `limit` characters; the last ones go first."""
    kept: list[str] = []
    left = limit
    for line in lines:
        shown = _escaped(_broken(oneline.one_line(line)), left)
        if not shown:
            break
        kept.append(shown)
        left -= len(shown) + 1
    return "\n".join(kept)


def _broken(text: str) -> str:
    return _LINK.sub(_ZERO_WIDTH_SPACE, _MENTION.sub(_ZERO_WIDTH_SPACE, text))


def _escaped(text: str, limit: int) -> str:
    """Escaped, with as many characters as fit `limit`, an ellipsis for the rest."""
    whole = "".join(_ENTITIES.get(char, char) for char in text)
    if len(whole) <= limit:
        return whole
    room, cut = limit - len(oneline.ELLIPSIS), ""
    for char in text:
        shown = _ENTITIES.get(char, char)
        if len(cut) + len(shown) > room:
            break
        cut += shown
    return cut + oneline.ELLIPSIS if room > 0 else ""


def plain(text: str) -> JsonObject:
    """A text object that Slack does not interpret; `text` is escaped already."""
    return {"type": "plain_text", "text": text or "–", "emoji": False}


def section(*lines: str, limit: int = TEXT_CHARACTERS) -> JsonObject:
    """A section of words of others."""
    return {"type": "section", "text": plain(lines_disarmed(lines, limit))}


def heading(ours: str) -> JsonObject:
    """A line in bold; `ours` are our own words."""
    return {"type": "section", "text": {"type": "mrkdwn", "text": f"*{ours}*", "verbatim": True}}


def field(label: str, value: str) -> JsonObject:
    """A label of ours with a value of others."""
    return plain(disarmed(f"{label}: {value}", FIELD_CHARACTERS))
