"""What the `alerts` commands do; `alerts_cli` has them as they stand on the command line."""

from __future__ import annotations

import asyncio
import json
import time
from dataclasses import replace

import typer

from sentinel_gateway.alerts.channel import Answer, Channel, Verdict
from sentinel_gateway.alerts.channels import channels_of
from sentinel_gateway.alerts.webhook import payload
from sentinel_gateway.alerts.wording import headline, when
from sentinel_gateway.app.exits import Exit
from sentinel_gateway.app.ledger_place import Place
from sentinel_gateway.core.ids import uuid7
from sentinel_gateway.domain.alert_settings import AlertSettings
from sentinel_gateway.domain.alerts import Alert, Event, GroupKey, Severity
from sentinel_gateway.domain.errors import Invalid
from sentinel_gateway.storage import alert_rows
from sentinel_gateway.storage.alert_rows import Listed

TEST_RULE = "alert_test"


def listed(place: Place, limit: int, *, as_json: bool) -> None:
    """Print the newest alerts."""
    with place.reading() as database, database.reading() as connection:
        found = alert_rows.newest(connection, limit)
    for one in found:
        typer.echo(_as_json(one) if as_json else _as_text(one))


def tested(settings: AlertSettings, name: str) -> int:
    """Send a test alert through one channel, and where it is PagerDuty its end; the exit code.

    Raises:
        Invalid: there is no such channel.
        BadConfiguration: the settings cannot work.
    """
    channels = {channel.name: channel for channel in channels_of(settings, time.time_ns)}
    if name not in channels:
        known = ", ".join(channels) or "none: see docs/sentinel-alerts.md"
        raise Invalid(f"there is no channel {name!r}; configured are {known}")
    answer = asyncio.run(_sent(channels[name]))
    typer.echo(f"{name}: {answer.verdict.value}: {answer.words}" if answer.words else f"{name}: {answer.verdict.value}")
    return Exit.OK if answer.verdict is Verdict.DELIVERED else Exit.UNMET


async def _sent(channel: Channel) -> Answer:
    """The end is sent too, so that no incident stays open; who does not take it is not asked again."""
    alert = _test_alert(time.time_ns())
    try:
        answer = await channel.send(alert)
        if channel.name == "pagerduty" and answer.verdict is Verdict.DELIVERED:
            return await channel.send(replace(alert, event=Event.RESOLVE))
    finally:
        await channel.close()
    return answer


def _test_alert(now_ns: int) -> Alert:
    return Alert(
        alert_id=uuid7(now_ns),
        key=GroupKey(TEST_RULE, "cluster"),
        event=Event.TRIGGER,
        severity=Severity.INFO,
        summary="a test: nothing is wrong, and alerts arrive here",
        facts={},
        first_ns=now_ns,
        last_ns=now_ns,
    )


def _as_text(one: Listed) -> str:
    told = ", ".join(f"{it.channel} {it.state}" + (f" ({it.words})" if it.state != "sent" else "") for it in one.told)
    return f"{when(one.created_ns)} {headline(one.alert)} -> {told or 'no channel'}"


def _as_json(one: Listed) -> str:
    told = [{"channel": it.channel, "state": it.state, "attempts": it.attempts, "words": it.words} for it in one.told]
    return json.dumps({"time": when(one.created_ns), **payload(one.alert, ""), "told": told})
