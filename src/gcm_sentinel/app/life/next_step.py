"""What comes after a drain: what was advised and had to wait (a reset, a reboot, a deep probe) is asked for by another
investigation.

The drain's own investigation could not propose it, because it is refused while anything runs on the node. So a drain
that is done has its incident investigated again, at most once, where a next step was advised and may be done here, and
what is wrong still is. Nothing but a drain does, so one step leads to one investigation and no further.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

import structlog

from gcm_sentinel.app.life.patience import patiently
from gcm_sentinel.app.stores import Stores
from gcm_sentinel.domain.action_record import ActionRecord
from gcm_sentinel.domain.advice import advised_after
from gcm_sentinel.domain.errors import NotFound, Rejected
from gcm_sentinel.domain.operations import Operation

log = structlog.get_logger(__name__)


class NextStep:
    """Has incidents investigated again."""

    def __init__(self, stores: Stores, offered: Callable[[Operation], bool]) -> None:
        """`offered` says whether an operation can be done here."""
        self._stores = stores
        self._offered = offered

    async def ask(self, record: ActionRecord) -> None:
        """Have the incident of `record`, which is done, investigated again where it waits for that; once.

        Raises:
            SentinelError: storage is damaged; while it is only away, it waits.
        """
        await patiently("next step", partial(self._ask, record))

    async def _ask(self, record: ActionRecord) -> None:
        order, by = record.order, f"gcm-sentinel, after {record.id}"
        stored = await self._stores.investigations.get(order.investigation_id)
        if stored is None or stored.incident is None or stored.assessment is None:
            return
        advised = [one for one in advised_after(stored.assessment, order) if self._offered(one)]
        if not advised or not await self._stores.actions.stands(stored.incident, record.node):
            return
        view = await self._stores.incidents.get(order.incident_id)
        if view is None or any(request.by == by for request in view.requests):
            return
        try:
            await self._stores.incidents.request_reinvestigate(order.incident_id, by, if_open=True)
        except (NotFound, Rejected) as error:  # it was merged, removed or closed just now
            log.info("action.nothing_next", action=record.id, reason=str(error))
            return
        log.info("action.next_step", action=record.id, advised=[str(one) for one in advised])
