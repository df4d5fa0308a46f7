"""Alerting that delivers, over a real database, with short pauses."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import timedelta

from tests.sentinel_alerts.made import owing

from sentinel_gateway.alerts.outbox import Outbox
from sentinel_gateway.alerts.running import Alerting
from sentinel_gateway.domain.alert_settings import AlertSettings, SendingSettings, WebhookSettings
from sentinel_gateway.domain.alerts import Alert
from sentinel_gateway.storage import alert_rows
from sentinel_gateway.storage.alert_rows import Told
from sentinel_gateway.storage.database import Database

QUICK = SendingSettings(
    timeout=timedelta(seconds=5), first_pause=timedelta(milliseconds=10), longest_pause=timedelta(milliseconds=40)
)
IMPATIENT = SendingSettings(
    timeout=timedelta(milliseconds=200), first_pause=timedelta(milliseconds=10), longest_pause=timedelta(seconds=60)
)


def webhook(name: str, url: str, sending: SendingSettings = QUICK) -> AlertSettings:
    """Settings with one webhook."""
    return AlertSettings(webhooks=(WebhookSettings(name, url, "s3cret"),), sending=sending)


async def until(condition: Callable[[], bool]) -> None:
    """Wait for what another thread does, or what nobody is woken by."""
    async with asyncio.timeout(20):
        while not condition():  # noqa: ASYNC110  the outbox's thread rings for nobody
            await asyncio.sleep(0.01)


@dataclass
class Post:
    """A database with an outbox, and what was noted."""

    database: Database
    now_ns: Callable[[], int] = time.time_ns
    notes: list[tuple[str, dict[str, str]]] = field(default_factory=list)

    def owe(self, *alerts: Alert, to: str, now_ns: int | None = None) -> None:
        """Store alerts that one channel owes."""
        with self.database.writing() as connection:
            alert_rows.save(connection, owing(*alerts, to=[to], now_ns=now_ns or self.now_ns()))

    def told(self) -> list[Told]:
        """What became of all deliveries, the newest alert first."""
        with self.database.reading() as connection:
            return [told for listed in alert_rows.newest(connection, 100) for told in listed.told]

    async def settled(self, count: int) -> list[Told]:
        """Wait until so many deliveries ended."""
        await until(lambda: sum(told.state != "pending" for told in self.told()) >= count)
        return self.told()

    @asynccontextmanager
    async def delivering(self, settings: AlertSettings) -> AsyncIterator[Alerting]:
        """Deliver until the block ends."""
        alerting = Alerting(settings, Outbox(self.database), self.now_ns, lambda _: "", self._note)
        async with asyncio.TaskGroup() as group:
            running = group.create_task(alerting.run())
            yield alerting
            alerting.stop()
            await running

    def _note(self, event: str, **fields: str) -> None:
        self.notes.append((event, fields))
