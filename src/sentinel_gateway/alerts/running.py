"""Alerting as a part of the gateway: decides with the core's rounds, delivers beside them.

    alerting = Alerting(settings, Outbox(database), now_ns, new_id, note=core.note)
    alerting.fill(heard, failures)                 # once, from what the core loaded
    changes = alerting.decide(happenings, now_ns)  # in a round, also one without happenings
    alert_rows.save(connection, changes)           # in the round's transaction
    alerting.committed(changes)                    # after its commit
    await alerting.run()                           # in the gateway's TaskGroup, until `stop`

`decide` changes nothing that holds: a round that could not be stored is simply decided again.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace
from datetime import timedelta

import structlog

from sentinel_gateway.alerts.channels import channels_of
from sentinel_gateway.alerts.counters import AlertCounters
from sentinel_gateway.alerts.delivering import Delivering, Note, given_up
from sentinel_gateway.alerts.judging import Judge, Judgement, Memory, Rules
from sentinel_gateway.alerts.outbox import Outbox
from sentinel_gateway.alerts.watching import Failure, Seen, Watching
from sentinel_gateway.domain.alert_settings import AlertSettings
from sentinel_gateway.domain.alerts import Alert, AlertChanges, Delivery, DeliveryState, Event, Medium
from sentinel_gateway.domain.errors import Bug, GatewayError
from sentinel_gateway.domain.happenings import Happening

log = structlog.get_logger(__name__)

_HEARTBEAT_RULE = "agent_heartbeat_lost"
_OVERHEAD_RULE = "probe_overhead_high"
_HOST = "host/"
_TELLS_ENDS = frozenset({Medium.PAGERDUTY, Medium.WEBHOOK})
"""Kinds of channels that are told when something is over; a chat has `gpu_reinstated`."""
_FORGET_EVERY_NS = 600 * 10**9
_UPKEEP = timedelta(seconds=60)
_AT_ONCE = 1000
_NO_CHANNEL = "there is no such channel any more"


class Alerting:
    """See the module."""

    def __init__(
        self,
        settings: AlertSettings,
        outbox: Outbox,
        now_ns: Callable[[], int],
        new_id: Callable[[int], str],
        note: Note,
    ) -> None:
        """Raises `BadConfiguration` for settings that cannot work."""
        self.metrics = AlertCounters()
        self._settings, self._outbox, self._now_ns, self._new_id, self._note = settings, outbox, now_ns, new_id, note
        self._rules = Rules(settings)
        self._memory = Memory()
        self._watching = Watching(settings.thresholds)
        channels = channels_of(settings, now_ns) if settings.enabled else ()
        self._media = settings.channels if settings.enabled else {}
        self._deliveries = tuple(
            Delivering(one, outbox, settings.sending, now_ns, self.metrics, note) for one in channels
        )
        self._decided: tuple[AlertChanges, Judgement, Seen] | None = None
        self._forgot_ns = now_ns()
        self._over = asyncio.Event()

    def fill(self, heard: Mapping[str, int], failures: Iterable[Failure]) -> None:
        """Bring back what held before a restart; blocking, once, before `decide`.

        `heard` says when the probes or telemetry of each host were received last, `failures` when SMs failed last
        (those of the last ten minutes are enough).

        Raises:
            GatewayError: the database is away.
        """
        for group in self._outbox.load_groups():
            self._memory.restore(group)
        self._watching.fill(heard, failures, self._now_ns(), self._open_hosts(_HEARTBEAT_RULE))

    def hosts_with_high_overhead(self) -> list[str]:
        """Of which was told that probes take too much, and not that it is over."""
        return self._open_hosts(_OVERHEAD_RULE)

    def _open_hosts(self, rule: str) -> list[str]:
        open_keys = (key for key, group in self._memory.groups.items() if group.is_open)
        return [key.group.removeprefix(_HOST) for key in open_keys if key.rule == rule]

    def decide(self, happenings: Sequence[Happening], now_ns: int) -> AlertChanges:
        """See `domain.alerts.Alerts`."""
        if not self._settings.enabled:
            return AlertChanges(now_ns=now_ns)
        seen = self._watching.look(happenings, now_ns)
        judgement = Judge(self._rules, self._memory, now_ns).judge([*happenings, *seen.derived])
        if now_ns - self._forgot_ns > _FORGET_EVERY_NS:
            for key in self._memory.quiet(now_ns):
                judgement.groups.setdefault(key, None)
        alerts = [(replace(alert, alert_id=self._new_id(now_ns)), media) for alert, media in judgement.alerts]
        changes = AlertChanges(
            alerts=tuple(alert for alert, _ in alerts),
            deliveries=tuple(one for alert, media in alerts for one in self._deliveries_of(alert, media)),
            groups=judgement.groups,
            now_ns=now_ns,
        )
        self._decided = changes, judgement, seen
        return changes

    def committed(self, changes: AlertChanges) -> None:
        """See `domain.alerts.Alerts`."""
        if self._decided is None or self._decided[0] is not changes:
            if self._settings.enabled:
                raise Bug("alerts were committed that were not decided last")
            return
        _, judgement, seen = self._decided
        self._decided = None
        self._watching.keep(seen, changes.now_ns)
        self._memory.keep(judgement)
        if changes.now_ns - self._forgot_ns > _FORGET_EVERY_NS:
            self._forgot_ns = changes.now_ns
        self._count(changes, judgement)
        for delivering in self._deliveries if changes.deliveries else ():
            delivering.ring()

    def missed(self) -> None:
        """See `domain.alerts.Alerts`."""
        self._watching.missed()

    async def run(self) -> None:
        """Deliver until `stop`; what is left is delivered after the next start."""
        try:
            async with asyncio.TaskGroup() as group:
                for delivering in self._deliveries:
                    group.create_task(delivering.run())
                group.create_task(self._keep_up())
        finally:
            self._outbox.close()

    def stop(self) -> None:
        """Finish the tries that are under way; `run` then returns."""
        self._over.set()
        for delivering in self._deliveries:
            delivering.stop()

    def _deliveries_of(self, alert: Alert, media: frozenset[Medium]) -> list[Delivery]:
        wanted = media & _TELLS_ENDS if alert.event is Event.RESOLVE else media
        return [Delivery(alert.alert_id, name) for name, medium in self._media.items() if medium in wanted]

    def _count(self, changes: AlertChanges, judgement: Judgement) -> None:
        self.metrics.told.update((alert.key.rule, alert.event.value) for alert in changes.alerts)
        self.metrics.held.update(judgement.held)
        self.metrics.kept_back.update(judgement.kept_back)
        self.metrics.over_limit.update(judgement.over_limit)
        for alert in changes.alerts:
            log.info("alert.raised", alert=alert.alert_id, rule=alert.key.rule, about=alert.key.group, kind=alert.event)

    async def _keep_up(self) -> None:
        """Give up what channels owed that are no more, and forget old alerts."""
        while not self._over.is_set():
            try:
                await self.keep_up()
            except GatewayError as error:
                log.warning("alert.upkeep_failed", reason=str(error))
            try:
                await asyncio.wait_for(self._over.wait(), _UPKEEP.total_seconds())
            except TimeoutError:
                continue

    async def keep_up(self) -> None:
        """Do it once; `run` does it every minute.

        Raises:
            GatewayError: the database is away.
        """
        sending, now_ns = self._settings.sending, self._now_ns()
        for one in await self._outbox.overdue(_before(now_ns, sending.give_up_after), _AT_ONCE):
            if one.channel not in self._media:
                await self._outbox.finish(one, DeliveryState.FAILED, _NO_CHANNEL, now_ns)
                given_up(one, _NO_CHANNEL, self.metrics, self._note)
        await self._outbox.forget(_before(now_ns, sending.keep), _AT_ONCE)
        self.metrics.pending = await self._outbox.pending()


def _before(now_ns: int, age: timedelta) -> int:
    return now_ns - int(age.total_seconds() * 1e9)
