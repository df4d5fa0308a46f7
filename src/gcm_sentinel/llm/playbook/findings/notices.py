"""Findings over notices of a provider that it will take the machine: still to come, or over.

A notice stays where it was written after its time has come: Events for an hour or days, a condition until its reporter
restarts, an alert for as long as its expression finds the event. So each notice is held against what happened since: a
boot of the node after it, its announced moment long past, or a word that it was completed or cancelled.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from gcm_sentinel.domain.assessment import Citation
from gcm_sentinel.llm.playbook.finding import UNKNOWN, Finding, no, predicate, yes
from gcm_sentinel.llm.playbook.identity import GpuRef
from gcm_sentinel.llm.playbook.observations import Observations, moment

_NODE = "node_info"
_PROVIDER = re.compile(
    r"(?i)\b(host|vm|instance|provider|scheduled)\b.{0,40}\b(maintenance|redeploy|preempt|retire|terminat)"
    r"|VMEventScheduled|ScheduledEvent|(Terminate|Preempt|Redeploy|Freeze|Reboot)Scheduled"
)
"""How clouds word a notice that they will take the machine."""
_DONE = re.compile(r"(?i)\b(complete[ds]?|cancel(?:l?ed)?|finished|called off|is over)\b")
_LEAD = re.compile(r"(?i)\bin\s+(\d{1,3})\s*(min|minutes?|h|hours?)\b")
_INSTANT = re.compile(r"\d{4}-\d\d-\d\d[T ]\d\d:\d\d(?::\d\d)?(?:Z|[+-]\d\d:?\d\d)?")
_LATE = timedelta(hours=6)
"""How long after its announced moment a notice may still be carried out; clouds begin within minutes to hours."""


@dataclass(frozen=True, slots=True)
class _Notice:
    text: str
    reason: str
    at: datetime | None
    cite: Citation
    what: str
    """Event or condition."""


def _notices(obs: Observations) -> Iterator[_Notice]:
    for place, event in enumerate(obs.events.data["events"] if obs.events else []):
        if _PROVIDER.search(f"{event['reason']} {event['message']}") and obs.events:
            cite = obs.events.figure(f"events[{place}].reason")
            yield _Notice(event["message"], event["reason"], moment(event["last_at"]), cite, "event")
    for place, item in enumerate(obs.info.data["conditions"] if obs.info else []):
        told = f"{item['type']} {item['reason']} {item['message']}"
        if item["state"] != "ok" and _PROVIDER.search(told) and obs.info:
            cite = obs.info.figure(f"conditions[{place}].type")
            yield _Notice(item["message"], item["reason"], moment(item["last_transition_at"]), cite, "condition")


def _over(obs: Observations, notice: _Notice) -> tuple[str, tuple[Citation, ...]] | None:
    """Why a notice is over, with what shows it; None while it may still come true."""
    if notice.at is None:
        return None
    later = [item for item in _notices(obs) if item.at and item.at >= notice.at and _DONE.search(item.text)]
    if later:
        return "it was reported as done or called off", (later[0].cite,)
    booted, cite = _booted(obs)
    if booted and cite and booted > notice.at:
        return f"the node has booted since, at {booted:%Y-%m-%d %H:%M}", (cite,)
    due = _due(notice)
    if due and obs.now - due > _LATE:
        return f"its moment, {due:%Y-%m-%d %H:%M}, is long past", ()
    return None


def _due(notice: _Notice) -> datetime | None:
    """The moment a notice announces: an instant in its text, or so many minutes or hours after it was given."""
    instants = [moment(found.replace(" ", "T")) for found in _INSTANT.findall(notice.text)]
    known = [item if item.tzinfo else item.replace(tzinfo=UTC) for item in instants if item]
    if known:
        return max(known)
    lead = _LEAD.search(notice.text)
    if lead is None or notice.at is None:
        return None
    unit = timedelta(hours=1) if lead[2].lower().startswith("h") else timedelta(minutes=1)
    return notice.at + int(lead[1]) * unit


def _booted(obs: Observations) -> tuple[datetime | None, Citation | None]:
    if obs.info and obs.info.data.get("booted_at"):
        return moment(obs.info.data["booted_at"]), obs.info.figure("booted_at")
    for place, boot in enumerate(obs.kernel.data["boots"] if obs.kernel else []):
        if boot["number"] == 0 and boot["started_at"] and obs.kernel:
            return moment(boot["started_at"]), obs.kernel.figure(f"boots[{place}].started_at")
    return None, None


@predicate("events", _NODE)
def provider_notice(obs: Observations, gpu: GpuRef | None, args: tuple[str, ...]) -> Finding:
    """The provider announced maintenance, eviction or retirement of the host, and that is still to come."""
    for notice in _notices(obs):
        if not _DONE.search(notice.text) and _over(obs, notice) is None:
            return yes(f"{_article(notice)} announces: {notice.text[:160]}", notice.cite)
    return no() if obs.events and obs.info else UNKNOWN


@predicate("events", _NODE)
def notice_over(obs: Observations, gpu: GpuRef | None, args: tuple[str, ...]) -> Finding:
    """The provider gave notice, and every notice is over."""
    ended = [(notice, _over(obs, notice)) for notice in _notices(obs) if not _DONE.search(notice.text)]
    if not ended or any(why is None for _, why in ended):
        return no() if obs.events and obs.info else UNKNOWN
    notice, why = ended[0]
    reason, cites = why or ("", ())
    return yes(f"{_article(notice)} announced the host's maintenance, but {reason}", notice.cite, *cites)


def _article(notice: _Notice) -> str:
    return f"{'an' if notice.what == 'event' else 'a'} {notice.what}"
