"""A gateway in this process, from settings to bound ports, and its orderly end. `serve` and tests run the same one.

The start, in order: settings and the files they name are read, all addresses are taken, database and key are opened or
made, the start is recorded, calls are answered. So a start that fails on the way has made nothing that the next finds.

The end, in order: health checks hear NOT_SERVING, streams are told to connect elsewhere, calls with one answer finish,
REST closes, the core stores what waits and says that it stops, alerts that are on their way arrive or fail, the ledger
and the database close. All of it lives in one task of its own, so that a part that fails ends the whole in the same
order.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager
from dataclasses import dataclass

import structlog

from sentinel_gateway.app.alert_desk import AlertDesk
from sentinel_gateway.app.condition import Condition
from sentinel_gateway.app.inputs import inputs_of
from sentinel_gateway.app.listening import Taken, addresses_taken
from sentinel_gateway.app.opened import open_stores
from sentinel_gateway.app.places import places_of
from sentinel_gateway.app.serving import Answering, serving
from sentinel_gateway.app.settings import Settings
from sentinel_gateway.core.core import Core
from sentinel_gateway.domain.errors import GatewayError
from sentinel_serving.release import version

log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Running:
    """A gateway that answers."""

    grpc_ports: tuple[int, ...]
    """The main one first, then those of `grpc.also_listen`, then of `grpc.token_listen`."""
    rest_port: int | None
    metrics_port: int | None
    core: Core
    condition: Condition
    ended: asyncio.Event
    """Set once the gateway has ended, also by itself; leaving the block then raises why."""

    @property
    def grpc_port(self) -> int:
        """Where clients connect."""
        return self.grpc_ports[0]


@asynccontextmanager
async def running_gateway(settings: Settings, *, now_ns: Callable[[], int] = time.time_ns) -> AsyncIterator[Running]:
    """Run a gateway until the block ends.

    Raises:
        BadConfiguration: something the operator must change: a file, an address, another writer.
        GatewayError: the database is away at the start, or a part failed while it ran.
    """
    ready: asyncio.Future[Running] = asyncio.get_running_loop().create_future()
    stop = asyncio.Event()
    life = asyncio.create_task(_Gateway(settings, now_ns).live(ready, stop), name="gateway")
    await asyncio.wait((life, ready), return_when=asyncio.FIRST_COMPLETED)
    if not ready.done():
        ready.cancel()
        await life
    running = ready.result()
    life.add_done_callback(lambda _: running.ended.set())
    try:
        yield running
    finally:
        stop.set()
        await life


class _Gateway:
    def __init__(self, settings: Settings, now_ns: Callable[[], int]) -> None:
        self._settings = settings
        self._now_ns = now_ns
        self._inputs = inputs_of(settings)

    async def live(self, ready: asyncio.Future[Running], stop: asyncio.Event) -> None:
        try:
            async with addresses_taken(self._settings, self._inputs.certificates) as taken:
                await self._answer(taken, ready, stop)
        except BaseExceptionGroup as several:
            raise _first(several) from several
        log.info("gateway.stopped")

    async def _answer(self, taken: Taken, ready: asyncio.Future[Running], stop: asyncio.Event) -> None:
        settings, inputs = self._settings, self._inputs
        with open_stores(places_of(settings), settings.ledger.origin, self._now_ns) as opened:

            def note(event: str, **fields: str) -> None:
                core.note(event, **fields)  # made after its alerts, and there before they are decided

            desk = AlertDesk(inputs.alerts, opened.database, note, self._now_ns)
            core = Core(opened.store, opened.writer, inputs.core, inputs.keys, self._now_ns, desk)
            await core.load()
            await desk.fill(core)
            parts = Answering(settings, inputs.rules.current, self._now_ns, opened, core, desk)
            async with asyncio.TaskGroup() as group:
                group.create_task(core.run(_about(settings)), name="core")
                group.create_task(desk.alerting.run(), name="alerts")
                await core.upkeep()  # with the first round the start is on record, before anybody is answered
                async with serving(parts, taken, group) as condition:
                    ready.set_result(_running(taken, core, condition))
                    await stop.wait()
                    log.info("gateway.stopping")
                await core.stop()
                desk.alerting.stop()


def _running(taken: Taken, core: Core, condition: Condition) -> Running:
    return Running(taken.grpc_ports, taken.rest_port, taken.metrics_port, core, condition, asyncio.Event())


def _about(settings: Settings) -> dict[str, str]:
    """How this gateway runs, for the ledger: reports tell auditors of it."""
    tls = "off" if not settings.tls.on else "mutual" if settings.tls.require_client_auth == "required" else "server"
    insecure, passes = str(settings.access.insecure).lower(), settings.probes.record_passes.value
    return {"version": version(), "insecure": insecure, "tls": tls, "passes": passes}


def _first(several: BaseExceptionGroup) -> BaseException:
    """The error that tells what happened: one of ours where there is one."""
    leaves = list(_leaves(several))
    return next((leaf for leaf in leaves if isinstance(leaf, GatewayError)), leaves[0])


def _leaves(several: BaseExceptionGroup) -> Iterator[BaseException]:
    for error in several.exceptions:
        if isinstance(error, BaseExceptionGroup):
            yield from _leaves(error)
        else:
            yield error
