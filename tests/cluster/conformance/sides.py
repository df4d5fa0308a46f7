"""The two sides of a comparison: the simulated fleet, and the same world in real servers.

Both are asked at the same moment by the agent's clock, one second after the world's T0; so a window of the one is the
same window of the other, however long it took to load the world. The simulated fleet stands still at that moment too.
"""

from __future__ import annotations

import ssl
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, aclosing, asynccontextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path

import aiohttp
from aiohttp import web
from tests.cluster.cluster import Cluster
from tests.cluster.conformance.servers import alertmanager, receiving_prometheus
from tests.sentinel_gateway.certificates import Authority

from gcm_sentinel.app.clock import SystemClock
from gcm_sentinel.app.closed import Closed, handle
from gcm_sentinel.app.investigate import Request, investigate
from gcm_sentinel.app.prior_incidents import history_of
from gcm_sentinel.app.simulated import Case, settings_for
from gcm_sentinel.app.wiring import Agent, Given, open_agent
from gcm_sentinel.triage.fold import fold
from sentinel_fleet.loading.alerts import postable
from sentinel_fleet.loading.kubelet import egress, kubelet_app
from sentinel_fleet.loading.objects import Etcd, definitions
from sentinel_fleet.loading.remote_write import send
from sentinel_fleet.loading.samples import NotedSource
from sentinel_fleet.serve import Fleet, serve
from sentinel_fleet.world import ExporterPorts, World

EGRESS = "egress.sock"
"""Beside the certificate of the cluster's authority: where its API server looks for nodes."""
ASKED_AFTER_S = 1.0
_RECENT_S = 300.0
"""As far back as an instant query looks."""
_ALL_LOOPBACK_ADDRESSES = "0.0.0.0"
"""A node's kubelet has an address of its own in 127/8."""


class StandingClock(SystemClock):
    """A clock whose date stands still; seconds go on passing, so that deadlines hold."""

    def __init__(self, at: float) -> None:
        self._now = datetime.fromtimestamp(at, UTC)

    def now(self) -> datetime:
        return self._now


@dataclass(frozen=True)
class Loaded:
    """What went into the real servers."""

    objects: int
    samples: int


@asynccontextmanager
async def simulated(case: Case) -> AsyncIterator[tuple[Fleet, NotedSource]]:
    """The case's world on the simulated fleet, and what is read of its series."""
    world = case.world()
    noted = NotedSource(world.series)
    world.series = noted
    async with serve(world, clock=lambda: world.anchor + ASKED_AFTER_S) as fleet:
        yield fleet, noted


async def assessed(fleet: Fleet) -> Closed:
    """What the agent, with the playbook engine, makes of the world at these addresses."""
    world = fleet.world
    given = Given(clock=StandingClock(world.anchor + ASKED_AFTER_S), history=history_of(world))
    async with open_agent(settings_for(fleet, world, "playbook"), given) as agent:
        if world.trigger.condition is not None:
            return await _of_condition(agent, world, world.trigger.condition)
        request = Request(world.trigger.node, world.trigger.alert or "", world.trigger.message or "")
        return await investigate(agent, request, publish=True)


async def _of_condition(agent: Agent, world: World, condition: str) -> Closed:
    """The incident that the watcher finds on the world's node."""
    async with aclosing(agent.watcher.batches()) as batches:
        async for batch in batches:
            found = [trigger for trigger in batch if trigger.node == world.trigger.node]
            if any(trigger.kind == condition for trigger in found):
                incidents = fold(map(agent.redactor.trigger, found), agent.clock.now())
                named = (one for one in incidents if any(trigger.kind == condition for trigger in one.triggers))
                return await handle(agent, next(named))
    raise AssertionError(f"the watcher ended without {condition!r}")


@asynccontextmanager
async def real(fleet: Fleet, noted: NotedSource, cluster: Cluster, folder: Path) -> AsyncIterator[tuple[Fleet, Loaded]]:
    """The fleet with its world in real servers; exporters, and what the kubelet reads, are still the simulated ones."""
    world = fleet.world
    async with AsyncExitStack() as stack:
        await _kubelets(stack, fleet, folder, cluster.ca.with_name(EGRESS))
        objects = await _load_objects(stack, fleet, cluster)
        prometheus = stack.enter_context(receiving_prometheus(folder))
        sender = await stack.enter_async_context(aiohttp.ClientSession(prometheus))
        samples = await send(sender, list(noted.written(world.anchor + ASKED_AFTER_S, _RECENT_S)))
        alerts = postable(world.alerts(world.anchor + ASKED_AFTER_S))
        oncall = stack.enter_context(alertmanager(folder, alerts))
        loaded = replace(fleet, kubeconfig=cluster.kubeconfig, prometheus_url=prometheus, alertmanager_url=oncall)
        yield loaded, Loaded(objects, samples)


async def _kubelets(stack: AsyncExitStack, fleet: Fleet, folder: Path, way: Path) -> None:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(*Authority("kubelets").server("kubelet").write(folder, "kubelet"))
    answering = await stack.enter_async_context(aiohttp.ClientSession(fleet.kubernetes_url))
    nodes = fleet.world.fleet.nodes
    app = kubelet_app({node.exporter_ip: node.name for node in nodes}, answering)
    runner = web.AppRunner(app, access_log=None, handler_cancellation=True, shutdown_timeout=0.2)
    await runner.setup()
    stack.push_async_callback(runner.cleanup)
    await web.TCPSite(runner, _ALL_LOOPBACK_ADDRESSES, 0, ssl_context=context).start()
    port = int(runner.addresses[0][1])
    await stack.enter_async_context(egress(way, {node.ip: node.exporter_ip for node in nodes}, port))


async def _load_objects(stack: AsyncExitStack, fleet: Fleet, cluster: Cluster) -> int:
    ports = ExporterPorts(dcgm=fleet.dcgm_port, node_exporter=fleet.node_exporter_port)
    objects = list(fleet.world.objects(ports))
    for definition in definitions(objects):
        cluster.admin.apply(definition)
    session = await stack.enter_async_context(aiohttp.ClientSession(cluster.etcd_url))
    etcd = Etcd(session)
    await etcd.clear()
    await etcd.put(objects)
    stack.push_async_callback(etcd.clear)
    return len(objects)
