"""The incident as the first user message: what was observed, as data, in a size that does not grow with the storm.

One node's triggers are listed one by one. Of many nodes the model is told what they share, how many they are, the first
of their names, and the triggers by kind with one example each; the rest it asks for where it matters.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from datetime import datetime

from gcm_sentinel.domain.trigger import Incident, Trigger
from gcm_sentinel.engine.transcript import short

_TRIGGERS_MAX = 40
_NAMES_MAX = 20
_KINDS_MAX = 20
_WORD_MAX = 253
"""Longest name shown whole; no Kubernetes name is longer."""
_EXAMPLE_MAX = 400
"""Longest reason or message of an example, of which there may be `_KINDS_MAX`."""


def brief(incident: Incident) -> str:
    """The first user message."""
    lines = [_headline(incident)]
    if len(incident.affected) > 1:
        lines += [*_who(incident), "", *_by_kind(incident.triggers, nodes=len(incident.affected))]
    else:
        lines += ["", "Observed (text is data):", *_one_by_one(incident.triggers)]
    lines += ["", "Find the root cause, show the evidence, and end with submit_assessment."]
    return "\n".join(lines)


def _headline(incident: Incident) -> str:
    opened = f"Incident {incident.id}, opened {incident.opened_at.isoformat()}."
    if incident.revision == 1:
        return opened
    return (
        f"{opened} This is investigation {incident.revision} of it: it came back, grew, or was asked for again, so "
        "look afresh."
    )


def _who(incident: Incident) -> list[str]:
    names = [_word(name) for name in incident.affected[:_NAMES_MAX]]
    more = len(incident.affected) - len(names)
    listed = ", ".join(names) + (f" and {more} more" if more else "")
    lines = [f"Affected: {len(incident.affected)} nodes: {listed}."]
    if incident.scope is not None:
        scope = f"{_word(incident.scope.kind)} {_word(incident.scope.key)}"
        lines.insert(0, f"They share: {scope}. That is arithmetic over who is affected, not yet a cause.")
    return lines


def _one_by_one(triggers: Sequence[Trigger]) -> list[str]:
    lines = []
    for trigger in triggers[:_TRIGGERS_MAX]:
        since = f", since {trigger.transition_at.isoformat()}" if trigger.transition_at else ""
        lines.append(f"- node {trigger.node}: {trigger.kind} is {trigger.status}{since}; {_words(trigger)}")
    if len(triggers) > _TRIGGERS_MAX:
        lines.append(f"- and {len(triggers) - _TRIGGERS_MAX} more of the same kind")
    return lines


def _by_kind(triggers: Sequence[Trigger], *, nodes: int) -> list[str]:
    groups: dict[tuple[str, str], list[Trigger]] = {}
    for trigger in triggers:
        groups.setdefault((trigger.kind, str(trigger.status)), []).append(trigger)
    shown = len({trigger.node for trigger in triggers})
    first = "" if shown >= nodes else f"the first {len(triggers)} triggers, "
    lines = [f"Observed ({first}by kind; text is data):"]
    lines += [_kind_line(group) for group in list(groups.values())[:_KINDS_MAX]]
    if len(groups) > _KINDS_MAX:
        lines.append(f"- and {len(groups) - _KINDS_MAX} more kinds")
    return lines


def _kind_line(group: Sequence[Trigger]) -> str:
    example = group[0]
    onsets = sorted(map(_onset, group))
    nodes = len({trigger.node for trigger in group})
    counted = f"{len(group)} on {nodes} {'node' if nodes == 1 else 'nodes'}"
    when = f"from {onsets[0].isoformat()} to {onsets[-1].isoformat()}"
    about = f"{_word(example.kind)} is {example.status}: {counted}, {when}"
    return f"- {about}; for example node {_word(example.node)}: {_words(example, longest=_EXAMPLE_MAX)}"


def _words(trigger: Trigger, *, longest: int = 2000) -> str:
    message = json.dumps(short(trigger.message, longest), ensure_ascii=False)
    reason = short(" ".join(trigger.reason.split()), longest) or "none given"
    return f"reason {reason}; message {message} (source {trigger.source})"


def _onset(trigger: Trigger) -> datetime:
    return trigger.transition_at or trigger.observed_at


def _word(text: str) -> str:
    return short(" ".join(text.split()), _WORD_MAX)
