"""Withdrawal: what stands on a node about an incident is taken away when the incident is over.

Level, not edge: every round compares the incidents closed lately with what this process has taken away already. After a
restart it may be taken away a second time, which changes nothing.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta

import structlog

from gcm_sentinel.domain.errors import Permanent
from gcm_sentinel.domain.protocols import Clock, Withdrawer
from gcm_sentinel.storage.incidents import Incidents

log = structlog.get_logger(__name__)

EVERY_S = 15.0
_LATELY = timedelta(days=1)


class Withdrawal:
    """Takes standing verdicts away for one process."""

    def __init__(self, incidents: Incidents, sinks: Sequence[Withdrawer], clock: Clock) -> None:
        self._incidents = incidents
        self._sinks = sinks
        self._clock = clock
        self._gone: set[str] = set()

    async def withdraw(self) -> None:
        """Take away what is over.

        Raises:
            Retryable: the API server or the database is away.
        """
        over = await self._incidents.over_since(self._clock.now() - _LATELY)
        for key, node in over:
            if key not in self._gone:
                await self._from_node(node)
        self._gone = {key for key, _ in over}

    async def _from_node(self, node: str) -> None:
        for sink in self._sinks:
            try:
                await sink.withdraw(node)
            except Permanent as error:
                log.warning("verdict.not_withdrawn", sink=sink.name, node=node, reason=str(error))
