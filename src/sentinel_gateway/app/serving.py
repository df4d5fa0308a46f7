"""What answers on the addresses that were taken: gRPC, REST and metrics over one core, and what watches over them."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass

from sentinel_gateway.app.alert_desk import AlertDesk
from sentinel_gateway.app.certificate_watch import watch_certificates
from sentinel_gateway.app.condition import Condition
from sentinel_gateway.app.core_metrics import Times
from sentinel_gateway.app.doorkeeper import Doorkeeper
from sentinel_gateway.app.listening import Taken
from sentinel_gateway.app.metrics import GatewayMetrics
from sentinel_gateway.app.opened import Opened
from sentinel_gateway.app.scrape import Scrape
from sentinel_gateway.app.settings import Settings
from sentinel_gateway.app.verifying import Told, keep_verifying
from sentinel_gateway.core.core import Core
from sentinel_gateway.domain.access import AccessRules
from sentinel_gateway.rest.api import Sources, api, metrics_only
from sentinel_gateway.rest.server import serve_http
from sentinel_gateway.services.audit import AuditService, LedgerReads
from sentinel_gateway.services.border import Border
from sentinel_gateway.services.bounds import Bounds
from sentinel_gateway.services.ledger import LedgerService
from sentinel_gateway.services.long_readings import LongReadings
from sentinel_serving.release import version


@dataclass(frozen=True, slots=True)
class Answering:
    """What is needed to answer."""

    settings: Settings
    rules: Callable[[], AccessRules]
    now_ns: Callable[[], int]
    opened: Opened
    core: Core
    desk: AlertDesk


@asynccontextmanager
async def serving(parts: Answering, taken: Taken, group: asyncio.TaskGroup) -> AsyncIterator[Condition]:
    """Answer until the block ends; what was asked before is answered first."""
    settings, core, opened, desk = parts.settings, parts.core, parts.opened, parts.desk
    counted = desk.alerting.metrics
    times = Times(core.taken, core.writes, settings.queue.max_requests)
    metrics = GatewayMetrics(core.counters, times, counted, version=version())
    doorkeeper = Doorkeeper(parts.rules, core, metrics.refused)
    long = LongReadings()
    condition = Condition(taken.grpc.liveness, opened.ping, core)
    scrape = Scrape(metrics, core, opened.writer, parts.now_ns, per_gpu=settings.metrics.per_gpu)
    told = Told(condition, metrics, desk.tell)
    background = [
        group.create_task(condition.watch(), name="condition"),
        group.create_task(desk.count(core), name="fleet-rate"),
        group.create_task(keep_verifying(opened, told, settings.ledger, long), name="verification"),
    ]
    if taken.certificates:
        every_s = settings.tls.reload_seconds
        background.append(group.create_task(watch_certificates(taken.certificates, condition, metrics, every_s)))
    if taken.rest_tls:
        background.append(group.create_task(taken.rest_tls.renew(), name="rest-certificates"))
    async with AsyncExitStack() as stack:
        if taken.rest:
            reads = Sources(core, opened.reader, condition, doorkeeper, scrape.text)
            context = taken.rest_tls.context if taken.rest_tls else None
            await stack.enter_async_context(serve_http(api(reads), taken.rest, context))
        if taken.metrics:
            await stack.enter_async_context(serve_http(metrics_only(scrape.text), taken.metrics))
        await _answer_grpc(parts, taken, long, _border(parts, metrics, doorkeeper))
        await condition.look()
        try:
            yield condition
        finally:
            await taken.grpc.stop(settings.grpc.grace_seconds)
            await long.stop()
    for task in background:
        task.cancel()


def _border(parts: Answering, metrics: GatewayMetrics, doorkeeper: Doorkeeper) -> Border:
    grpc = parts.settings.grpc
    bounds = Bounds(max_calls=grpc.max_calls, max_streams_per_peer=grpc.max_streams_per_peer)
    return Border(parts.rules, metrics, doorkeeper, bounds, unary_timeout_s=grpc.unary_timeout_seconds)


async def _answer_grpc(parts: Answering, taken: Taken, long: LongReadings, border: Border) -> None:
    server, core, opened = taken.grpc, parts.core, parts.opened
    server.add_core_services(core, testing=parts.settings.testing.enabled)
    reads = LedgerReads(opened.database, long, opened.newest_note, parts.now_ns)
    server.add_ledger_services(AuditService(core, reads), LedgerService(core, reads))
    await server.answer(border)
