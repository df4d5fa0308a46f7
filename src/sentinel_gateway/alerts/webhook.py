"""Any receiver of JSON, with a signature it can check.

The signature is the HMAC-SHA256 of exactly the bytes of the body. A second one also covers the time of sending, for
receivers that refuse what is old; `docs/sentinel-alerts.md` shows how both are checked.
"""

from __future__ import annotations

import hashlib
import hmac
import json
from collections.abc import Callable
from dataclasses import asdict
from typing import Any

from sentinel_gateway.alerts.channel import Answer
from sentinel_gateway.alerts.pagerduty import dedup_key
from sentinel_gateway.alerts.posting import Poster
from sentinel_gateway.alerts.wording import headline, plain, when
from sentinel_gateway.domain.alert_settings import WebhookSettings
from sentinel_gateway.domain.alerts import Alert, Medium

SIGNATURE = "X-Sentinel-Signature"
TIMED_SIGNATURE = "X-Sentinel-Timed-Signature"
TIMESTAMP = "X-Sentinel-Timestamp"
IDEMPOTENCY_KEY = "Idempotency-Key"


class Webhook:
    """See the module."""

    def __init__(self, settings: WebhookSettings, cluster: str, poster: Poster, now_ns: Callable[[], int]) -> None:
        self._settings, self._cluster, self._poster, self._now_ns = settings, cluster, poster, now_ns

    @property
    def name(self) -> str:
        """``webhook.NAME``."""
        return f"{Medium.WEBHOOK}.{self._settings.name}"

    async def send(self, alert: Alert) -> Answer:
        """See `Channel.send`."""
        body = json.dumps(payload(alert, self._cluster), separators=(",", ":")).encode()
        timestamp = str(self._now_ns() // 10**9)
        headers = {**self._settings.headers, IDEMPOTENCY_KEY: alert.alert_id, TIMESTAMP: timestamp}
        if self._settings.secret:
            headers[SIGNATURE] = signature(self._settings.secret, body)
            headers[TIMED_SIGNATURE] = signature(self._settings.secret, timestamp.encode() + b"." + body)
        return await self._poster.post(self._settings.url, body, headers)

    async def close(self) -> None:
        """See `Channel.close`."""
        await self._poster.close()


def signature(secret: str, content: bytes) -> str:
    """``sha256=<hex>``."""
    return f"sha256={hmac.new(secret.encode(), content, hashlib.sha256).hexdigest()}"


def payload(alert: Alert, cluster: str) -> dict[str, Any]:
    """The body; the same for every try."""
    return {
        "alert_id": alert.alert_id,
        "event": alert.event.value,
        "rule": alert.key.rule,
        "severity": alert.severity.name,
        "cluster": cluster,
        "group": plain(alert.key.group),
        "dedup_key": dedup_key(alert.key, cluster),
        "text": headline(alert),
        "summary": plain(alert.summary),
        "gpu": _gpu(alert),
        "hostname": plain(alert.hostname, 300),
        "count": alert.count,
        "held_back": alert.held_back,
        "first_time": when(alert.first_ns),
        "last_time": when(alert.last_ns),
        "facts": {plain(name, 100): plain(value) for name, value in alert.facts.items()},
        "evidence": [plain(one, 100) for one in alert.evidence],
    }


def _gpu(alert: Alert) -> dict[str, Any] | None:
    if alert.gpu is None:
        return None
    return {name: plain(value, 300) if isinstance(value, str) else value for name, value in asdict(alert.gpu).items()}
