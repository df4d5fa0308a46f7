"""However long a round takes to be decided, the event loop has time for streams, heartbeats and health checks."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Sequence

from tests.sentinel_core.gateway import AGENT, Place, batch, execution, gpu

from sentinel_gateway.core.no_alerts import NoAlerts
from sentinel_gateway.domain.alerts import AlertChanges
from sentinel_gateway.domain.fleet import FleetFilter
from sentinel_gateway.domain.happenings import Happening


class Slow(NoAlerts):
    """Goes on with a round only when it is told to."""

    def __init__(self) -> None:
        self.began, self.may_go_on = threading.Event(), threading.Event()

    def decide(self, happenings: Sequence[Happening], now_ns: int) -> AlertChanges:
        """Waits, at most so long that the test ends."""
        self.began.set()
        self.may_go_on.wait(20)
        return super().decide(happenings, now_ns)


async def test_others_are_answered_while_a_round_is_decided(place: Place):
    place.alerts = slow = Slow()
    async with place.running() as core:
        report = asyncio.create_task(core.report_probes(AGENT, batch(execution())))
        await asyncio.to_thread(slow.began.wait, 20)
        meanwhile = await core.fleet(FleetFilter())
        was_waiting = not report.done()
        slow.may_go_on.set()

        assert (await report).accepted
        assert (meanwhile.total_matching, was_waiting) == (0, True)
        assert (await core.gpu_health(gpu().uuid)).probe_pass_count == 1
