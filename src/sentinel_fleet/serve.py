"""A world over real protocols on loopback: the Kubernetes API, Prometheus, Alertmanager, exporters, time passing;
and
a real SENTINEL gateway in a process of its own and agents on the nodes, where the scenario has them.

    async with serve(scenario.realise(seed=1, anchor=time.time())) as fleet:
        print("\\n".join(fleet.describe()))

Ports are free ones the system picks. The exporters' ports are bound first, because the pods declare them. While it
serves, the player applies the world's changes when they are due; what clients wrote in the meantime stays.
"""

from __future__ import annotations

import asyncio
import gc
import logging
import socket
import tempfile
import time
from collections.abc import AsyncIterator, Callable, Coroutine, Iterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from aiohttp import web

from sentinel_fleet.kube import JANITOR, ObjectStore, WriteRequest, kube_app, write_kubeconfig
from sentinel_fleet.player import Player
from sentinel_fleet.prom import DCGM, NODE, ExporterSources, alertmanager_app, exporter_app, prometheus_app
from sentinel_fleet.world import ExporterPorts, World

if TYPE_CHECKING:
    from sentinel_fleet.node_agents.serving import ServedNodeAgents
    from sentinel_fleet.sentinel.command import Launch
    from sentinel_fleet.sentinel.serving import Gateway, ServedSentinel

_LOOPBACK = "127.0.0.1"
_ALL_LOOPBACK_ADDRESSES = "0.0.0.0"  # noqa: S104 - pods have addresses all over 127/8; other peers are refused
_SHUTDOWN_S = 0.2
_LARGE_FLEET = 500
_ENDED = ("Failed", "Succeeded")

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Fleet:
    """A world being served."""

    world: World
    store: ObjectStore
    kubeconfig: Path
    """In a temporary folder that goes when serving ends."""
    kubernetes_url: str
    prometheus_url: str
    alertmanager_url: str
    dcgm_port: int
    """Where every node's dcgm-exporter listens, at the node's own exporter address."""
    node_exporter_port: int
    sentinel: ServedSentinel | None = None
    """The gateway, already told everything; None where the scenario has none."""
    node_agents: ServedNodeAgents | None = None
    """None where the scenario has no agents on nodes."""

    @property
    def requests(self) -> Sequence[WriteRequest]:
        """Every write request the Kubernetes API has received, refused ones included."""
        return self.store.writes

    def describe(self) -> list[str]:
        """What is where and how to look at it, for a terminal."""
        node = next(item for item in self.world.fleet.nodes if item.name == self.world.trigger.node)
        return [
            f"nodes          {len(self.world.fleet.nodes)}",
            f"kubeconfig     {self.kubeconfig}",
            f"kubernetes     {self.kubernetes_url}",
            f"prometheus     {self.prometheus_url}",
            f"alertmanager   {self.alertmanager_url}",
            f"dcgm-exporter  http://<exporter pod's IP>:{self.dcgm_port}/metrics",
            f"node-exporter  http://<exporter pod's IP>:{self.node_exporter_port}/metrics",
            *([f"sentinel       {self.sentinel.endpoint}"] if self.sentinel else []),
            *([f"node agents    <node's IP>:{self.node_agents.port}"] if self.node_agents else []),
            "",
            "let the agent look at it (in another terminal):",
            f"  export GCM_SENTINEL_KUBECONFIG={self.kubeconfig}",
            f"  export GCM_SENTINEL_PROMETHEUS_URL={self.prometheus_url}",
            f"  export GCM_SENTINEL_ALERTMANAGER_URL={self.alertmanager_url}",
            *self._about_sentinel(),
            *self._about_node_agents(),
            f"  gcm-sentinel investigate {node.name}",
            "",
            "or look yourself:",
            f"  kubectl --kubeconfig {self.kubeconfig} get nodes",
            f"  kubectl --kubeconfig {self.kubeconfig} describe node {node.name}",
            f"  curl -s '{self.prometheus_url}/api/v1/query?query=count(DCGM_FI_DEV_GPU_TEMP)'",
            f"  curl -s {self.alertmanager_url}/api/v2/alerts",
            f"  curl -s http://{node.exporter_ip}:{self.dcgm_port}/metrics",
        ]

    def _about_sentinel(self) -> list[str]:
        if self.sentinel is None:
            return []
        return [
            f"  export GCM_SENTINEL_SENTINEL_ENDPOINT={self.sentinel.endpoint} GCM_SENTINEL_SENTINEL_PLAINTEXT=true",
            f"  export GCM_SENTINEL_SENTINEL_TOKEN={self.sentinel.token}",
            f"  export GCM_SENTINEL_SENTINEL_LEDGER_PUBLIC_KEY={self.sentinel.ledger_keys}",
        ]

    def _about_node_agents(self) -> list[str]:
        if self.node_agents is None:
            return []
        return [
            f"  export GCM_SENTINEL_NODE_AGENT_ADDRESS={{node_ip}}:{self.node_agents.port}",
            f"  export GCM_SENTINEL_NODE_AGENT_TOKEN={self.node_agents.token}",
        ]


@asynccontextmanager
async def serve(
    world: World, *, clock: Callable[[], float] = time.time, launch: Launch | None = None
) -> AsyncIterator[Fleet]:
    """Serve a world until the block ends; `clock` gives epoch seconds and should be the world's own.

    `launch` starts the gateway's process where the world has one; None starts its command.

    Raises:
        OSError: no free port.
        GatewayFailed: the world's SENTINEL gateway could not be started, or did not take what it was sent.
    """
    async with AsyncExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="sentinel-fleet-")))
        gateway = await _gateway(stack, world, folder, launch)
        dcgm, node_exporter = (stack.enter_context(_listen(_ALL_LOOPBACK_ADDRESSES)) for _ in range(2))
        ports = ExporterPorts(dcgm=_port(dcgm), node_exporter=_port(node_exporter))
        store = ObjectStore(clock=clock)
        if world.fleet.spec.janitor:
            store.install(JANITOR)
        player = Player(store, clock)
        stack.enter_context(_long_lived(lambda: player.open(world.objects(ports)), len(world.fleet.nodes)))

        exporters = ExporterSources(world.series, world.faults, clock, world.node_of_exporter)
        await _start(stack, exporter_app(DCGM, exporters), dcgm)
        await _start(stack, exporter_app(NODE, exporters), node_exporter)
        prometheus = await _start(stack, prometheus_app(world.series, clock, world.faults))
        alertmanager = await _start(stack, alertmanager_app(world.alerts, clock, world.faults))
        kubernetes = await _start(stack, kube_app(store, world.logs, world.faults, clock))

        sentinel = await gateway.serve() if gateway is not None else None
        node_agents = await _node_agents(stack, world, store, clock)
        await stack.enter_async_context(_running(player.play(world.timeline(ports))))
        yield Fleet(
            world=world,
            store=store,
            kubeconfig=write_kubeconfig(kubernetes, folder / "kubeconfig"),
            kubernetes_url=kubernetes,
            prometheus_url=prometheus,
            alertmanager_url=alertmanager,
            dcgm_port=ports.dcgm,
            node_exporter_port=ports.node_exporter,
            sentinel=sentinel,
            node_agents=node_agents,
        )


async def _gateway(stack: AsyncExitStack, world: World, folder: Path, launch: Launch | None) -> Gateway | None:
    """The world's SENTINEL gateway, which starts while the rest of the world is made."""
    if world.plan.sentinel is None:
        return None
    from sentinel_fleet.sentinel.serving import beginning  # gRPC costs half a second, and few worlds need it

    return await stack.enter_async_context(beginning(world, world.plan.sentinel, folder, launch))


async def _node_agents(
    stack: AsyncExitStack, world: World, store: ObjectStore, clock: Callable[[], float]
) -> ServedNodeAgents | None:
    """The agents on the world's nodes; a pod that a client evicted holds no GPU any more."""
    if world.plan.node_agents is None:
        return None
    from sentinel_fleet.node_agents.serving import serving  # as above

    def is_there(namespace: str, pod: str) -> bool:
        found = store.get("pods", pod, namespace)
        return found is not None and found["status"].get("phase") not in _ENDED

    return await stack.enter_async_context(serving(world, world.plan.node_agents, clock, is_there))


@contextmanager
def _long_lived(fill: Callable[[], None], nodes: int) -> Iterator[None]:
    """Keep the garbage collector off what `fill` makes for a large fleet.

    Each full pass over it would stop every server of the process for a second, and there is nothing to find.
    """
    if nodes < _LARGE_FLEET:
        fill()
        yield
        return
    collecting = gc.isenabled()
    gc.disable()
    try:
        fill()
        gc.freeze()
    finally:
        if collecting:
            gc.enable()
    try:
        yield
    finally:
        gc.unfreeze()


def _listen(address: str) -> socket.socket:
    return socket.create_server((address, 0))


def _port(listener: socket.socket) -> int:
    return int(listener.getsockname()[1])


async def _start(stack: AsyncExitStack, app: web.Application, listener: socket.socket | None = None) -> str:
    """Serve an application until the stack unwinds; its URL."""
    bound = listener or stack.enter_context(_listen(_LOOPBACK))
    runner = web.AppRunner(app, access_log=None, handler_cancellation=True, shutdown_timeout=_SHUTDOWN_S)
    await runner.setup()
    stack.push_async_callback(runner.cleanup)
    await web.SockSite(runner, bound).start()
    return f"http://{_LOOPBACK}:{_port(bound)}"


@asynccontextmanager
async def _running(work: Coroutine[None, None, None]) -> AsyncIterator[None]:
    """Run `work` beside the block. Unlike a TaskGroup this leaves the block's own exceptions as they are."""
    task = asyncio.create_task(work)
    task.add_done_callback(_report)
    try:
        yield
    finally:
        task.cancel()
        with suppress(asyncio.CancelledError):
            await task


def _report(task: asyncio.Task[None]) -> None:
    """Say at once that time has stopped; the exception itself is raised when serving ends."""
    if not task.cancelled() and task.exception() is not None:
        _log.error("the world no longer changes: the player failed", exc_info=task.exception())
