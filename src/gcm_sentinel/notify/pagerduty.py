"""PagerDuty by Events API v2: one alert per incident, triggered when somebody is needed and resolved when it is over.

The incident's id is the ``dedup_key``, so whatever is sent twice is the same alert. An assessment triggers it, and so
does an action that waits for a person or failed; what went well pages nobody. After the end nothing triggers until
the incident is investigated again, and an incident that closed while PagerDuty was away never does.
https://developer.pagerduty.com/docs/events-api-v2/overview: 202 is taken, 400 will never be, 429 and 5xx may be later.
A 400 about the routing key is tried again as well: a key that was just made, or is put right, works soon.
"""

from __future__ import annotations

import hashlib
import json
from datetime import UTC
from typing import Any

from gcm_sentinel.domain.action_record import ActionState
from gcm_sentinel.domain.assessment import Severity
from gcm_sentinel.domain.errors import Rejected, SentinelError, Unreachable
from gcm_sentinel.domain.protocols import Publication
from gcm_sentinel.domain.threads import OverThread, Thread, ThreadBook
from gcm_sentinel.notify import oneline
from gcm_sentinel.notify.retry import RetryPolicy, attempts, once
from gcm_sentinel.notify.webhook import HttpPoster

NAME = "pagerduty"
SEVERITIES = {Severity.CRITICAL: "critical", Severity.WARNING: "warning", Severity.INFO: "info", Severity.OK: "info"}
_SUMMARY_CHARACTERS = 1024
_DETAIL_CHARACTERS = 2000
_KEY_CHARACTERS = 255
_NEEDS_SOMEBODY = frozenset({ActionState.WAITING, ActionState.FAILED})


class PagerDutyNotifier:
    """A `Notifier` and `Closer` for one routing key."""

    name = NAME

    def __init__(
        self, http: HttpPoster, url: str, routing_key: str, book: ThreadBook, *, policy: RetryPolicy | None = None
    ) -> None:
        """`url` is that of ``/v2/enqueue``."""
        self._http = http
        self._url = url
        self._key = routing_key
        self._book = book
        self._policy = policy or RetryPolicy()

    async def publish(self, publication: Publication) -> None:
        """Trigger the incident's alert where somebody is needed.

        Raises:
            Retryable: it still failed at the deadline.
            Permanent: PagerDuty refused the event.
        """
        incident = publication.incident
        known = await self._book.get(NAME, incident.id)
        over = known is not None and known.closed and known.revision >= incident.revision
        if publication.closed or over or not needs_somebody(publication):
            return
        await self._send(trigger(publication))
        await self._book.put(NAME, Thread(incident.id, dedup_key(incident.id), revision=incident.revision))

    async def close(self, over: OverThread) -> None:
        """Resolve the alert; tried once, for whoever calls tries again. Raises as `publish` does."""
        await self._send({"event_action": "resolve", "dedup_key": over.thread.mark}, once(self._policy))

    async def _send(self, event: dict[str, Any], policy: RetryPolicy | None = None) -> None:
        body = json.dumps({"routing_key": self._key, **event}).encode()
        headers = {"Content-Type": "application/json"}
        try:
            async for attempt in attempts(policy or self._policy, NAME, shown=self._scrubbed):
                with attempt:
                    await self._post(body, headers)
        except SentinelError as error:
            error.args = (self._scrubbed(error),)
            raise

    async def _post(self, body: bytes, headers: dict[str, str]) -> None:
        try:
            await self._http.post(self._url, content=body, headers=headers, timeout=self._policy.attempt_timeout)
        except Rejected as error:
            if "routing_key" in str(error) or self._key in str(error):
                raise Unreachable(str(error)) from error
            raise

    def _scrubbed(self, error: BaseException) -> str:
        return str(error).replace(self._key, "…")


def needs_somebody(publication: Publication) -> bool:
    """Whether this edition is a reason to page."""
    if publication.shown_before:
        return any(action.state in _NEEDS_SOMEBODY for action in publication.actions)
    return publication.assessment.draft.severity is not Severity.OK


def dedup_key(incident_id: str) -> str:
    """The incident's id, where it is one PagerDuty takes."""
    if len(incident_id) <= _KEY_CHARACTERS and incident_id.isascii() and incident_id.isprintable():
        return incident_id
    return hashlib.sha256(incident_id.encode(errors="replace")).hexdigest()


def trigger(publication: Publication) -> dict[str, Any]:
    """The event without its routing key."""
    assessment, incident = publication.assessment, publication.incident
    draft = assessment.draft
    node = oneline.one_line(assessment.node)
    summary = f"[{draft.severity.upper()}] {node}{oneline.others(incident)}: {oneline.summary(assessment)}"
    return {
        "event_action": "trigger",
        "dedup_key": dedup_key(incident.id),
        "client": "gcm-sentinel",
        "payload": {
            "summary": oneline.cut_characters(summary, _SUMMARY_CHARACTERS),
            "source": node,
            "severity": SEVERITIES[draft.severity],
            "timestamp": assessment.created_at.astimezone(UTC).isoformat(),
            "component": oneline.one_line(assessment.condition),
            "group": str(incident.scope.key) if incident.scope else node,
            "class": str(draft.fault_class),
            "custom_details": _details(publication),
        },
    }


def _details(publication: Publication) -> dict[str, str]:
    assessment, incident = publication.assessment, publication.incident
    draft = assessment.draft
    details = {
        "incident": incident.id,
        "investigation": incident.investigation_id,
        "root_cause": draft.root_cause,
        "recommended_action": str(oneline.primary_action(assessment)),
        "confidence": f"{draft.confidence:.0%}",
        "outcome": str(assessment.outcome),
        "engine": assessment.engine,
        "nodes": ", ".join(incident.affected[:50]),
        "orders": "; ".join(_order(item.words, item.question_id) for item in publication.actions),
        "held_back": " ".join(oneline.not_done(publication)),
    }
    cut = {name: oneline.cut_characters(oneline.one_line(text), _DETAIL_CHARACTERS) for name, text in details.items()}
    return {name: text for name, text in cut.items() if text}


def _order(words: str, question: str) -> str:
    return f"{words} (gcm-sentinel approvals show {question})" if question else words
