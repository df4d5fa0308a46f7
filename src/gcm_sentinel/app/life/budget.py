"""Which engine an investigation may use, from what all investigations of the last hour and day have spent."""

from __future__ import annotations

from datetime import timedelta

from gcm_sentinel.domain.incident_record import Urgency
from gcm_sentinel.domain.protocols import Clock
from gcm_sentinel.domain.trigger import Incident
from gcm_sentinel.storage.spending import Spending
from gcm_sentinel.triage.budget import EngineRuling, Pools, choose_engine
from gcm_sentinel.triage.urgency import urgency_of_incident

HOUR, DAY = timedelta(hours=1), timedelta(days=1)


class EngineChoice:
    """Asks the spending records and rules by them."""

    def __init__(self, spending: Spending, pools: Pools, clock: Clock, *, paid: bool) -> None:
        """`paid` is False where the engine of the settings is the playbook engine, which costs nothing."""
        self._spending = spending
        self._pools = pools
        self.clock = clock
        self._paid = paid

    async def rule(self, incident: Incident) -> EngineRuling:
        """Who answers `incident`.

        Raises:
            SentinelError: the spending records cannot be read.
        """
        return await self._rule(urgency_of_incident(incident))

    async def llm_available(self) -> bool:
        """Whether an LLM is set and the budget has room for an incident that is not critical. Raises as `rule` does."""
        return self._paid and (await self._rule(Urgency.WARNING)).llm

    async def _rule(self, urgency: Urgency) -> EngineRuling:
        if not self._paid or self._pools.unlimited:
            return EngineRuling(llm=True, reason="")
        now = self.clock.now()
        hour, day = await self._spending.since(now - HOUR), await self._spending.since(now - DAY)
        return choose_engine(hour, day, self._pools, urgency)
