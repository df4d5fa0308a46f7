"""How an assessment reads where there is room for one line: Event messages, annotations, webhook text.

Used by the sinks of this room only. Everything here is a pure function of what is published. Model text is untrusted:
it is folded onto one line and loses its control characters before it goes anywhere, and an answer that is not a
conclusion says so inside the summary, where every shape has room for it.
"""

from __future__ import annotations

import unicodedata

from gcm_sentinel.domain import actions
from gcm_sentinel.domain.actions import Action
from gcm_sentinel.domain.assessment import Assessment, Outcome
from gcm_sentinel.domain.protocols import Publication
from gcm_sentinel.domain.trigger import Incident

ELLIPSIS = "…"
_LONGEST_WORD = 60
"""Text without a blank for longer than this (Chinese, Japanese, a path) is cut anywhere, rather than lost."""
_REASON_CHARACTERS = 500
_UNSEEN = frozenset({"Cc", "Cf", "Co", "Cs"})
"""Unicode categories without a picture: control, format (direction overrides), private use, surrogates."""


def one_line(text: str) -> str:
    """`text` on one line: white space folded, invisible characters gone."""
    spaced = "".join(" " if char.isspace() else char for char in text)
    visible = "".join(char for char in spaced if unicodedata.category(char) not in _UNSEEN)
    return " ".join(visible.split())


def cut_bytes(text: str, limit: int) -> str:
    """`text` in at most `limit` bytes of UTF-8, cut between words, with an ellipsis where something is gone."""
    if len(text.encode()) <= limit:
        return text
    head = text.encode()[: max(0, limit - len(ELLIPSIS.encode()))].decode(errors="ignore")
    return _between_words(head, text) + ELLIPSIS


def cut_characters(text: str, limit: int) -> str:
    """`text` in at most `limit` characters, cut as `cut_bytes` does."""
    if len(text) <= limit:
        return text
    return _between_words(text[: max(0, limit - len(ELLIPSIS))], text) + ELLIPSIS


def _between_words(head: str, text: str) -> str:
    if text[len(head) : len(head) + 1] in ("", " "):
        return head.rstrip()
    words = head.rpartition(" ")[0].rstrip()
    return words if len(head) - len(words) <= _LONGEST_WORD else head


def summary(assessment: Assessment) -> str:
    """The summary on one line; an answer that is not a conclusion is marked as such."""
    text = one_line(assessment.draft.summary)
    return text if assessment.outcome is Outcome.CONCLUDED else f"({assessment.outcome}) {text}"


def primary_action(assessment: Assessment) -> Action:
    """The one action that stands for all recommended ones."""
    return actions.primary(tuple(recommended.action for recommended in assessment.draft.actions))


def not_done(publication: Publication) -> tuple[str, ...]:
    """A line for each request that was refused, with what to do; the last says it once for all."""
    refused = [cut_characters(one_line(item.words), _REASON_CHARACTERS) for item in publication.held_back]
    again = f"Ask again with `gcm-sentinel incidents reinvestigate {publication.incident.id}` when that has changed."
    lines = [f"Not done: {words}." for words in refused]
    return (*lines[:-1], f"{lines[-1]} {again}") if lines else ()


def others(incident: Incident) -> str:
    """`` (+199 nodes)`` for an incident of 200; empty for one node."""
    more = len(incident.affected) - 1
    return f" (+{more} node{'' if more == 1 else 's'})" if more > 0 else ""
