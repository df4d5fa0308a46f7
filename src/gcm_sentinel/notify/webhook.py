"""Posts an assessment as JSON to one URL: chat relays, ticket systems, the site's own receivers.

Used by app/wiring.py when a webhook URL is set. The body keeps the original agent's shape: ``text`` (one message a chat
can show) and ``sentinel_result`` with its eight keys; further keys are added inside that object only.

Delivery is at least once: answers that may change are tried again until the deadline, and whoever owes a delivery
offers it again later, always with the same ``Idempotency-Key``, by which a receiver drops what it has seen: the
investigation's id, and for what became of its actions that id with the edition's number (``X-GCM-Sentinel-Delivery``
serves receivers that know that one). Where the actions stand is under ``orders``, what was refused when it was asked
for under ``held_back``; ``actions`` has always been the advice. With a secret each
attempt is signed over ``<timestamp>.<body>``, so that a receiver can refuse both forgeries and replays.

Chat webhooks carry their secret in the URL's path, so only scheme and host ever reach a log or an error.
"""

from __future__ import annotations

import hashlib
import hmac
import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, timedelta
from typing import Protocol
from urllib.parse import urlsplit

from gcm_sentinel.domain.action_record import ActionState
from gcm_sentinel.domain.entity import Entity
from gcm_sentinel.domain.errors import BadConfiguration, SentinelError
from gcm_sentinel.domain.jsontypes import Json, JsonObject
from gcm_sentinel.domain.protocols import Clock, Publication
from gcm_sentinel.domain.published_action import PublishedAction
from gcm_sentinel.domain.trigger import Incident
from gcm_sentinel.notify import oneline
from gcm_sentinel.notify.retry import RetryPolicy, attempts

IDEMPOTENCY_HEADER = "Idempotency-Key"
DELIVERY_HEADER = "X-GCM-Sentinel-Delivery"
SIGNATURE_HEADER = "X-GCM-Sentinel-Signature"
TIMESTAMP_HEADER = "X-GCM-Sentinel-Timestamp"

_MENTION = re.compile(r"@(?=(?:here|channel|everyone|all)\b)", re.IGNORECASE)
_ZERO_WIDTH_SPACE = "\u200b"
_NODES_MAX = 50
"""Most nodes that are named; `node_count` counts all."""


class HttpPoster(Protocol):
    """What this notifier needs of an HTTP client."""

    async def post(
        self,
        url: str,
        *,
        content: bytes | str | None = None,
        headers: Mapping[str, str] | None = None,
        timeout: timedelta | None = None,  # noqa: ASYNC109  the client's own name for its deadline
    ) -> object:
        """Send `content`; any answer but 2xx is raised as one of our errors."""
        ...


@dataclass(frozen=True, slots=True)
class Endpoint:
    """Where to post and the key that signs it."""

    url: str = field(repr=False)
    secret: str = field(default="", repr=False)
    """Empty: not signed."""

    @property
    def shown(self) -> str:
        """Scheme and host: what may be printed."""
        parts = urlsplit(self.url)
        return f"{parts.scheme}://{parts.hostname}" + (f":{parts.port}" if parts.port else "")


class WebhookNotifier:
    """A `Notifier` that posts to one endpoint."""

    name = "webhook"

    def __init__(
        self, http: HttpPoster, endpoint: Endpoint, clock: Clock, *, policy: RetryPolicy | None = None
    ) -> None:
        """Check the endpoint.

        Raises:
            BadConfiguration: its URL is not http(s) with a host.
        """
        check(endpoint, "WEBHOOK_URL")
        self._http = http
        self._endpoint = endpoint
        self._clock = clock
        self._policy = policy or RetryPolicy()

    async def publish(self, publication: Publication) -> None:
        """Deliver, retrying what may change until the policy's deadline.

        Raises:
            Retryable: it still failed at the deadline.
            Permanent: the receiver refused it.
        """
        text = json.dumps(payload(publication), ensure_ascii=False, separators=(",", ":"))
        body = text.encode(errors="replace")  # half a surrogate pair in a model's words must not hold back a page
        key = publication.key
        try:
            async for attempt in attempts(self._policy, self.name, shown=self._scrubbed):
                with attempt:
                    await self._post(body, key)
        except SentinelError as error:
            error.args = (self._scrubbed(error),)
            raise

    def _scrubbed(self, error: BaseException) -> str:
        return scrubbed(error, self._endpoint)

    async def _post(self, body: bytes, key: str) -> None:
        headers = {
            "Content-Type": "application/json; charset=utf-8",
            IDEMPOTENCY_HEADER: key,
            DELIVERY_HEADER: delivery_id(key),
        }
        if self._endpoint.secret:
            timestamp = str(int(self._clock.now().timestamp()))
            headers[TIMESTAMP_HEADER] = timestamp
            headers[SIGNATURE_HEADER] = signature(self._endpoint.secret, timestamp, body)
        await self._http.post(self._endpoint.url, content=body, headers=headers, timeout=self._policy.attempt_timeout)


def delivery_id(key: str) -> str:
    """Equal for each attempt at the edition of that key."""
    return hashlib.sha256(f"webhook\x1f{key}".encode()).hexdigest()[:32]


def signature(secret: str, timestamp: str, body: bytes) -> str:
    """``sha256=<hex>``: the HMAC-SHA256 over ``<timestamp>.<body>``."""
    mac = hmac.new(secret.encode(), timestamp.encode() + b"." + body, hashlib.sha256)
    return f"sha256={mac.hexdigest()}"


def payload(publication: Publication) -> JsonObject:
    """The body: ``text`` and ``sentinel_result``."""
    assessment = publication.assessment
    draft = assessment.draft
    kept: dict[str, Json] = {
        "node_name": assessment.node,
        "condition": assessment.condition,
        "severity": str(draft.severity),
        "summary": draft.summary,
        "root_cause": draft.root_cause,
        "recommended_action": str(oneline.primary_action(assessment)),
        "confidence": draft.confidence,
        "timestamp": assessment.created_at.astimezone(UTC).isoformat(),
    }
    return {"text": chat_text(publication), "sentinel_result": {**kept, **_added(publication)}}


def chat_text(publication: Publication) -> str:
    """Four lines for a chat, one for each action and each refusal; markup and mass mentions are disarmed."""
    assessment = publication.assessment
    draft = assessment.draft
    node = f"{assessment.node}{oneline.others(publication.incident)}"
    lines = (
        f"[{draft.severity.upper()}] GPU Sentinel: {node} / {assessment.condition}",
        f"Summary: {oneline.summary(assessment)}",
        f"Root cause: {oneline.one_line(draft.root_cause)}",
        f"Action: {oneline.primary_action(assessment)} (confidence {draft.confidence:.0%})",
        *map(_standing, publication.actions),
        *oneline.not_done(publication),
    )
    return "\n".join(_disarmed(line) for line in lines)


def _standing(action: PublishedAction) -> str:
    """Where it stands; of one that waits for a person, until when and where to look."""
    if action.state is ActionState.WAITING and action.question is not None:
        until = f"until {action.question.expires_at.astimezone(UTC):%H:%M} UTC"
        return f"{action.words} {until}; gcm-sentinel approvals show {action.question.id}"
    return f"{action.words}. {oneline.one_line(action.note)}".rstrip(". ")


def _about(incident: Incident) -> dict[str, Json]:
    """Which incident it is, how often it was investigated, and whom it affects."""
    scope = incident.scope
    return {
        "incident_id": incident.id,
        "investigation_id": incident.investigation_id,
        "revision": incident.revision,
        "scope": {"kind": scope.kind, "key": scope.key} if scope else None,
        "nodes": list(incident.affected[:_NODES_MAX]),
        "node_count": len(incident.affected),
    }


def _added(publication: Publication) -> dict[str, Json]:
    assessment = publication.assessment
    draft = assessment.draft
    return {
        **_about(publication.incident),
        "fault_class": str(draft.fault_class),
        "outcome": str(assessment.outcome),
        "actions": [
            {
                "action": str(item.action),
                "target": _entity(item.target) if item.target else None,
                "reason": item.reason,
            }
            for item in draft.actions
        ],
        "edition": publication.edition,
        "orders": [_order(item) for item in publication.actions],
        "held_back": [
            {"operation": str(item.operation), "target": item.target, "reason": item.reason}
            for item in publication.held_back
        ],
        "entities": [_entity(entity) for entity in draft.entities],
        "claims": len(draft.claims),
        "claims_struck": len(assessment.struck),
        "not_checked": list(draft.not_checked),
        "engine": assessment.engine,
        "model": assessment.model,
        "url": None,
    }


def _order(action: PublishedAction) -> JsonObject:
    target = action.target
    return {
        "operation": str(action.operation),
        "target": {"kind": target.kind, "name": target.name, "uid": target.uid},
        "state": str(action.state),
        "reason": action.reason,
        "note": action.note,
        "question": action.question_id or None,
        "decided_by": action.decided_by or None,
        "digest": action.digest,
    }


def _entity(entity: Entity) -> JsonObject:
    return {
        "kind": str(entity.kind),
        "name": entity.name,
        "node": entity.node,
        "index": entity.index,
        "uuid": entity.uuid,
        "pci": entity.pci,
    }


def _disarmed(text: str) -> str:
    escaped = text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
    return _MENTION.sub("@" + _ZERO_WIDTH_SPACE, escaped)


def check(endpoint: Endpoint, setting: str) -> None:
    """Refuse an address nothing can be posted to.

    Raises:
        BadConfiguration: it is not http(s) with a host.
    """
    try:
        parts = urlsplit(endpoint.url)
        usable = parts.scheme in ("http", "https") and bool(parts.hostname) and (parts.port or 1) > 0
    except ValueError:
        usable = False
    if not usable:
        raise BadConfiguration(f"the webhook URL is not an http:// or https:// address with a host; correct {setting}")


def scrubbed(error: BaseException, endpoint: Endpoint) -> str:
    """An error's message without the URL's path and query: the client names them, they may be secret."""
    parts = urlsplit(endpoint.url)
    message = str(error).replace(endpoint.url, endpoint.shown)
    for secret in (f"{parts.path}?{parts.query}", parts.path, parts.query, parts.netloc.rpartition("@")[0]):
        if secret.strip("/?"):
            message = message.replace(secret, "/…" if secret.startswith("/") else "…")
    return message
