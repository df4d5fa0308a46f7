"""How the gateway itself is: whether it and its database answer, how the last verification and its certificates are."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Protocol

import structlog

from sentinel_gateway.core.core import Core
from sentinel_gateway.domain.errors import GatewayError
from sentinel_gateway.domain.fleet import FleetFilter
from sentinel_gateway.rest.answers import Json
from sentinel_gateway.services.liveness import Liveness
from sentinel_serving.release import version

log = structlog.get_logger(__name__)

LOOK_EVERY_S = 1.0
_ANSWER_WITHIN_S = 5.0


class Ping(Protocol):
    """A question to the database; blocking."""

    def __call__(self) -> object:
        """Ask; `GatewayError` where there is no answer."""


@dataclass(slots=True)
class Verified:
    """What the last verification of the ledger found."""

    result: str = "not_yet"
    """``valid``, ``not_yet``, or the kind of what is wrong."""
    at_s: float | None = None
    words: str = ""

    @property
    def is_broken(self) -> bool:
        """Whether something is wrong with the ledger, as far as anybody looked."""
        return self.result not in ("valid", "not_yet")


class Condition:
    """Looked at by health checks, probes and the REST API."""

    def __init__(self, liveness: Liveness, ping: Ping, core: Core) -> None:
        self._liveness = liveness
        self._ping = ping
        self._core = core
        self._started = time.monotonic()
        self._asking = ThreadPoolExecutor(1, "condition")  # of its own: busy readers must not look like an outage
        self.database_answers = True
        self.ledger = Verified()
        self.tls_problems: tuple[str, ...] = ()
        """About the server's certificate, in words."""

    def is_ready(self) -> bool:
        """Whether calls are answered."""
        return self._liveness.is_serving

    async def report(self) -> dict[str, Json]:
        """GET /api/v1/health."""
        fleet = await self._core.fleet(FleetFilter(limit=0))
        return {
            "status": self._status(),
            "problems": list(self._problems()),
            "version": version(),
            "uptime_seconds": int(time.monotonic() - self._started),
            "grpc_connected": self.is_ready(),
            "database_connected": self.database_answers,
            "ledger": self.ledger.result,
            "active_agents": fleet.summary.active_agents,
        }

    def _status(self) -> str:
        """The worst of all parts. What stops no call is no reason to restart, which would help nobody."""
        if not self.is_ready():
            return "unhealthy"
        return "degraded" if self.ledger.is_broken or self.tls_problems else "healthy"

    def _problems(self) -> Iterator[str]:
        if not self.database_answers:
            yield "the database does not answer: nothing is taken until it does"
        elif not self.is_ready():
            yield "the gateway is starting or stopping"
        if self.ledger.is_broken:
            yield f"the ledger does not verify: {self.ledger.words or self.ledger.result}"
        yield from self.tls_problems

    async def watch(self, every_s: float = LOOK_EVERY_S) -> None:
        """Ask the database now and then, and tell health checks; until cancelled."""
        try:
            while True:
                await self.look()
                await asyncio.sleep(every_s)
        finally:
            self._asking.shutdown(wait=False, cancel_futures=True)

    async def look(self) -> None:
        """Ask the database once."""
        try:
            async with asyncio.timeout(_ANSWER_WITHIN_S):
                await asyncio.get_running_loop().run_in_executor(self._asking, self._ping)
            answers = True
        except (GatewayError, TimeoutError) as error:
            answers = False
            if self.database_answers:
                log.warning("database.away", reason=str(error) or "it does not answer")
        if answers and not self.database_answers:
            log.info("database.back")
        self.database_answers = answers
        await self._liveness.set_serving(serving=answers)
