"""Slack, by an incoming webhook. Every word of others stands in a plain-text object, which Slack does not interpret.

https://docs.slack.dev/messaging/sending-messages-using-incoming-webhooks; Slack has no idempotency key, so a message
whose answer was lost may appear twice, with the same alert id in its last line.
"""

from __future__ import annotations

import json
from typing import Any

from sentinel_gateway.alerts.channel import Answer
from sentinel_gateway.alerts.posting import Poster
from sentinel_gateway.alerts.wording import headline, lines
from sentinel_gateway.domain.alert_settings import SlackSettings
from sentinel_gateway.domain.alerts import Alert, Severity

COLOURS = {
    Severity.INFO: "#2196F3",
    Severity.WARNING: "#FF9800",
    Severity.HIGH: "#F44336",
    Severity.CRITICAL: "#9C27B0",
}
_MAX_TEXT = 2900
"""Slack takes 3000 characters in one text object."""


class Slack:
    """See the module."""

    name = "slack"

    def __init__(self, settings: SlackSettings, poster: Poster) -> None:
        self._settings, self._poster = settings, poster

    async def send(self, alert: Alert) -> Answer:
        """See `Channel.send`."""
        body = json.dumps(payload(alert, self._settings.channel)).encode()
        return await self._poster.post(self._settings.webhook_url, body, {})

    async def close(self) -> None:
        """See `Channel.close`."""
        await self._poster.close()


def payload(alert: Alert, channel: str = "") -> dict[str, Any]:
    """The message: what stands in notifications is ours alone, for Slack reads markup there."""
    details = "\n".join(f"{name}: {value}" for name, value in lines(alert))
    blocks = [_section(headline(alert)), _section(details)]
    message: dict[str, Any] = {
        "text": f"[{alert.severity.name}] {alert.key.rule}",
        "unfurl_links": False,
        "unfurl_media": False,
        "attachments": [{"color": COLOURS[alert.severity], "blocks": blocks}],
    }
    return {**message, "channel": channel} if channel else message


def _section(text: str) -> dict[str, Any]:
    cut = text if len(text) <= _MAX_TEXT else text[: _MAX_TEXT - 1] + "…"
    return {"type": "section", "text": {"type": "plain_text", "text": cut, "emoji": False}}
