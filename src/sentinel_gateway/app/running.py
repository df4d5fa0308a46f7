"""A gateway in this process, from settings to bound ports, and its orderly end. `serve` and tests run the same one.

The end, in order: health checks hear NOT_SERVING, streams are told to connect elsewhere, calls with one answer finish,
REST closes, the core stores what waits and says that it stops, the ledger and the database close. All of it lives in
one task of its own, so that a part that fails ends the whole in the same order.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass

import structlog
from starlette.types import ASGIApp

from sentinel_gateway.app.condition import Condition
from sentinel_gateway.app.core_settings import core_settings, keys_of
from sentinel_gateway.app.doorkeeper import Doorkeeper
from sentinel_gateway.app.metrics import GatewayMetrics
from sentinel_gateway.app.opened import Opened, open_stores
from sentinel_gateway.app.places import places_of
from sentinel_gateway.app.release import version
from sentinel_gateway.app.scrape import Scrape
from sentinel_gateway.app.setting_values import Address
from sentinel_gateway.app.settings import Settings
from sentinel_gateway.app.tokens import Rules
from sentinel_gateway.app.transport import RestTls, certificates_of, listeners_of
from sentinel_gateway.app.verifying import keep_verifying
from sentinel_gateway.core.core import Core
from sentinel_gateway.domain.errors import GatewayError
from sentinel_gateway.rest.api import Sources, api, metrics_only
from sentinel_gateway.rest.server import serve_http
from sentinel_gateway.services.audit import AuditService, LedgerReads
from sentinel_gateway.services.border import Border
from sentinel_gateway.services.ledger import LedgerService
from sentinel_gateway.services.long_readings import LongReadings
from sentinel_gateway.services.server import GrpcServer, Limits

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
        self._certificates = certificates_of(settings)
        self._rules = Rules(settings.access)
        self._keys = keys_of(settings)

    async def live(self, ready: asyncio.Future[Running], stop: asyncio.Event) -> None:
        try:
            with open_stores(places_of(self._settings), self._settings.ledger.origin, self._now_ns) as opened:
                core = Core(opened.store, opened.writer, core_settings(self._settings), self._keys, self._now_ns)
                await core.load()
                async with asyncio.TaskGroup() as group:
                    group.create_task(core.run(_about(self._settings)), name="core")
                    async with self._serving(opened, core, group) as running:
                        ready.set_result(running)
                        await stop.wait()
                        log.info("gateway.stopping")
                    await core.stop()
        except BaseExceptionGroup as several:
            raise _first(several) from several
        log.info("gateway.stopped")

    @asynccontextmanager
    async def _serving(self, opened: Opened, core: Core, group: asyncio.TaskGroup) -> AsyncIterator[Running]:
        """Listen until the block ends; what was asked before is answered first."""
        settings = self._settings
        metrics = GatewayMetrics(core.counters, version=version(), per_gpu=settings.metrics.per_gpu)
        doorkeeper = Doorkeeper(self._rules.current, core, metrics.refused)
        long = LongReadings()
        server = self._grpc(
            core,
            opened,
            Border(self._rules.current, metrics, doorkeeper, unary_timeout_s=settings.grpc.unary_timeout_seconds),
            long,
        )
        condition = Condition(server.liveness, opened.ping, core)
        scrape = Scrape(metrics, core, opened.writer, per_gpu=settings.metrics.per_gpu)
        background = [
            group.create_task(condition.watch(), name="condition"),
            group.create_task(keep_verifying(opened, condition, metrics, settings.ledger, long), name="verification"),
        ]
        async with AsyncExitStack() as stack:
            reads = Sources(core, opened.reader, condition, doorkeeper, scrape.text)
            tls = RestTls(settings, self._certificates) if self._certificates else None
            if tls:
                background.append(group.create_task(tls.renew(), name="rest-certificates"))
            rest_port = await _http(stack, api(reads), settings.rest.listen, tls)
            metrics_port = await _http(stack, metrics_only(scrape.text), settings.metrics.listen, None)
            ports = await server.start(listeners_of(settings, self._certificates))
            await condition.look()
            try:
                yield Running(ports, rest_port, metrics_port, core, condition, asyncio.Event())
            finally:
                await server.stop(settings.grpc.grace_seconds)
                await long.stop()
        for task in background:
            task.cancel()

    def _grpc(self, core: Core, opened: Opened, border: Border, long: LongReadings) -> GrpcServer:
        settings = self._settings.grpc
        limits = Limits(settings.max_receive_bytes, settings.max_concurrent_streams, settings.min_ping_interval_seconds)
        server = GrpcServer(border, limits)
        server.add_core_services(core, testing=self._settings.testing.enabled)
        reads = LedgerReads(opened.database, long, opened.newest_note, self._now_ns)
        server.add_ledger_services(AuditService(core, reads), LedgerService(reads))
        return server


def _about(settings: Settings) -> dict[str, str]:
    """How this gateway runs, for the ledger: reports tell auditors of it."""
    tls = "off" if not settings.tls.on else "mutual" if settings.tls.require_client_auth == "required" else "server"
    return {"version": version(), "insecure": str(settings.access.insecure).lower(), "tls": tls}


async def _http(stack: AsyncExitStack, app: ASGIApp, address: Address | None, tls: RestTls | None) -> int | None:
    if address is None:
        return None
    context = tls.context if tls else None
    return await stack.enter_async_context(serve_http(app, address.host, address.port, context))


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
