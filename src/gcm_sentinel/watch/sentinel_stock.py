"""Taking stock: how the fleet stands by the gateway's answers, against what is known to be wrong.

Only what is not HEALTHY is asked for, which keeps a fleet of thousands small. What is known to be wrong and is not
among it is asked for one by one. A pattern has no end of its own: it stands while its GPU is not HEALTHY, and otherwise
for as long as more of its kind may follow.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from datetime import datetime, timedelta

import structlog

from gcm_sentinel.clients.sentinel import SentinelGateway
from gcm_sentinel.domain.gpu_health import GpuHealth, GpuState
from gcm_sentinel.domain.trigger import Trigger, TriggerStatus
from gcm_sentinel.watch import sentinel_news as news

log = structlog.get_logger(__name__)

PATTERN_STANDS = timedelta(hours=1)
"""As long as the gateway looks back for what many GPUs share (`model.guard_window`)."""


class Stock:
    """One look at everything."""

    def __init__(self, gateway: SentinelGateway, known: news.Known, now: datetime, position: int | None) -> None:
        """`position` is how far in the log all was handled; what is found is no older than that."""
        self._gateway = gateway
        self._known = dict(known)
        self._now = now
        self._position = position
        self._found: list[Trigger] = []
        self.wrong = 0
        """GPUs that are not HEALTHY."""

    async def taken(self) -> tuple[Trigger, ...]:
        """What is new by this look.

        Raises:
            SentinelError: the gateway could not be asked.
        """
        fleet = await self._gateway.out_of_order()
        if fleet.truncated:
            log.warning("watch.stock_cut", told=len(fleet.gpus), of=fleet.matching)
        self.wrong = fleet.matching
        for health in fleet.gpus:
            self._add(news.of_health(health, self._known, self._now))
        await self._missing({health.gpu.uuid for health in fleet.gpus})
        await self._waiting()
        return tuple(replace(trigger, sequence=self._position) for trigger in self._found)

    async def _missing(self, listed: set[str]) -> None:
        """What is known of GPUs that were not listed."""
        for uuid in sorted({place.gpu_uuid for place in self._known} - listed - {""}):
            mine = [place for place in self._known if place.gpu_uuid == uuid and place.kind != news.DIRECTIVE]
            if not mine:
                continue
            health = await self._gateway.gpu(uuid)
            if health is None:
                self._add(self._unknown(place) for place in mine if not self._is_unknown(place))
            elif health.state is not GpuState.HEALTHY:
                self._add(news.of_health(health, self._known, self._now))
            else:
                self._add(self._over(health, mine))

    def _over(self, health: GpuHealth, places: list[news.Place]) -> Iterable[Trigger]:
        """What ends with a GPU that is HEALTHY."""
        if any(place.kind == news.STATE for place in places):
            return news.of_health(health, self._known, self._now)
        words = f"nothing more was correlated for {PATTERN_STANDS} while the GPU counts as HEALTHY"
        old = [place for place in places if self._age(place) >= PATTERN_STANDS]
        return [news.recovery(place, "Quiet", words, self._now, self._known[place].since) for place in old]

    async def _waiting(self) -> None:
        waiting = await self._gateway.waiting()
        places = {directive.gpu.uuid for directive in waiting if directive.gpu}
        known = {place.gpu_uuid for place in self._known if place.kind == news.DIRECTIVE}
        for directive in waiting:
            if directive.gpu and directive.gpu.uuid not in known:
                self._add(news.of_directive(directive, None, self._known, self._now))
        decided = [place for place in self._known if place.kind == news.DIRECTIVE and place.gpu_uuid not in places]
        words = "no directive about it waits any more"
        self._add(news.recovery(place, "Decided", words, self._now, self._known[place].since) for place in decided)

    def _age(self, place: news.Place) -> timedelta:
        since = self._known[place].since
        return self._now - since if since else timedelta.max

    def _is_unknown(self, place: news.Place) -> bool:
        return self._known[place].status is TriggerStatus.UNKNOWN

    def _unknown(self, place: news.Place) -> Trigger:
        return news.not_known_any_more(place, self._now, self._known[place].since)

    def _add(self, triggers: Iterable[Trigger]) -> None:
        found = tuple(triggers)
        self._found += found
        self._known = news.after(self._known, found)
