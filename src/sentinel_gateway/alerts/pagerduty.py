"""PagerDuty, by Events API v2: one incident for each rule and group, opened by the first alert and resolved at the end.

https://developer.pagerduty.com/docs/events-api-v2/overview. The key of an incident is made of cluster, rule and group,
so whatever is sent twice changes the same incident.
"""

from __future__ import annotations

import hashlib
import json
from dataclasses import replace
from typing import Any

from sentinel_gateway.alerts.channel import Answer, Verdict
from sentinel_gateway.alerts.posting import Poster
from sentinel_gateway.alerts.wording import headline, lines, plain, when
from sentinel_gateway.domain.alert_settings import PagerDutySettings
from sentinel_gateway.domain.alerts import Alert, Event, GroupKey, Severity

SEVERITIES = {
    Severity.INFO: "info",
    Severity.WARNING: "warning",
    Severity.HIGH: "error",
    Severity.CRITICAL: "critical",
}
_MAX_KEY = 255
_MAX_SUMMARY = 1024


class PagerDuty:
    """See the module."""

    name = "pagerduty"

    def __init__(self, settings: PagerDutySettings, cluster: str, poster: Poster) -> None:
        self._settings, self._cluster, self._poster = settings, cluster, poster

    async def send(self, alert: Alert) -> Answer:
        """See `Channel.send`."""
        event = {"routing_key": self._settings.routing_key, **payload(alert, self._cluster)}
        answer = await self._poster.post(self._settings.api_url, json.dumps(event).encode(), {})
        words = answer.words.replace(self._settings.routing_key, "…")
        if answer.verdict is Verdict.NEVER and "routing_key" in words:
            return replace(answer, verdict=Verdict.LATER, words=words)
        return replace(answer, words=words)

    async def close(self) -> None:
        """See `Channel.close`."""
        await self._poster.close()


def dedup_key(key: GroupKey, cluster: str) -> str:
    """The incident's key, at most 255 characters."""
    text = f"sentinel/{cluster}/{key.rule}/{key.group}"
    if len(text) <= _MAX_KEY and text.isascii() and text.isprintable():
        return text
    return f"sentinel/{hashlib.sha256(text.encode('utf-8', 'replace')).hexdigest()}"


def payload(alert: Alert, cluster: str) -> dict[str, Any]:
    """The event without its routing key."""
    event = {"event_action": alert.event.value, "dedup_key": dedup_key(alert.key, cluster)}
    if alert.event is Event.RESOLVE:
        return event
    host = plain(alert.hostname, 300)
    about = {
        "summary": plain(headline(alert), _MAX_SUMMARY),
        "source": f"sentinel-correlation-engine:{host or cluster}",
        "severity": SEVERITIES[alert.severity],
        "timestamp": when(alert.first_ns),
        "component": plain(alert.gpu.uuid, 100) if alert.gpu else "gpu-fleet",
        "group": host or cluster,
        "class": "silent_data_corruption",
        "custom_details": dict(lines(alert)),
    }
    return {**event, "client": "sentinel-gateway", "payload": about}
