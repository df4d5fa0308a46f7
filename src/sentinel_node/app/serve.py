"""`sentinel-node serve`: this node until told to stop. The first signal ends it in order, the second at once.

What cannot be had on this machine is one table in the log, and the rest is served. How it ends is in `ending.py`.
"""

from __future__ import annotations

import asyncio
import json
import os
import signal
import sys
from collections.abc import AsyncIterator, Callable
from contextlib import ExitStack, asynccontextmanager
from dataclasses import dataclass
from functools import partial

import structlog

from sentinel_node.app.ending import LEAST_S, Grace, Work, found_is_kept, left_behind
from sentinel_node.app.heartbeat import Heartbeat
from sentinel_node.app.machine import look, machine_of, own_pids, seams_of
from sentinel_node.app.metrics import PrometheusMetrics
from sentinel_node.app.metrics_http import Told, metrics_served
from sentinel_node.app.rules import Rules
from sentinel_node.app.settings import Settings
from sentinel_node.app.transport import certificates_of
from sentinel_node.app.unasked import Unasked, reporter_of, scheduling_of
from sentinel_node.domain.errors import NodeError
from sentinel_node.domain.gpu import GpuIdentity
from sentinel_node.domain.metrics import KERNEL_LOG_FOLLOWED, PROBE_EXECUTIONS, PROBE_LATENCY
from sentinel_node.domain.probes import Outcome, ProbeReport
from sentinel_node.kernel.counting import COUNTED_FILE, Counted, XidCounter
from sentinel_node.kernel.following import followed
from sentinel_node.service.desk import Desk, ProbeRules
from sentinel_node.service.node_service import Machine
from sentinel_node.service.server import Door, answering
from sentinel_serving.release import version
from sentinel_serving.setting_values import Address

log = structlog.get_logger(__name__)

_KILLED = 130
_NS = 1e9


@dataclass(frozen=True, slots=True)
class Running:
    """A node that answers."""

    port: int
    metrics_port: int | None
    work: Work
    grace: Grace

    @property
    def machine(self) -> Machine:
        """What it answers from."""
        return self.work.machine


async def serve(settings: Settings, stopping: Callable[[], None] = lambda: None) -> None:
    """Run until SIGINT or SIGTERM; `stopping` hears of that at once.

    Raises:
        NodeError: it could not start.
    """
    stop = asyncio.Event()
    try:
        async with running(settings) as node:
            _stop_on_signal(stop)
            _announce(node, settings)
            await stop.wait()
            log.info("node.stopping")
            stopping()
    except BaseExceptionGroup as group:
        raise _cause(group) from group
    await left_behind(node.work, max(LEAST_S, node.grace.left_s))


def _cause(group: BaseExceptionGroup[BaseException]) -> BaseException:
    """What ended the tasks: the error for whoever started us, if it was one of those, else all of them."""
    expected: BaseException | None = group.subgroup(NodeError)
    while isinstance(expected, BaseExceptionGroup):
        expected = expected.exceptions[0]
    return group if expected is None else expected


@asynccontextmanager
async def running(settings: Settings) -> AsyncIterator[Running]:
    """A node in this process until the block ends.

    Raises:
        BadConfiguration: files or addresses cannot be used.
    """
    certificates = certificates_of(settings)
    rules = Rules(settings)
    metrics = PrometheusMetrics(version=version())
    is_ready = asyncio.Event()
    with ExitStack() as opened:
        reporter = reporter_of(settings, metrics, opened)
        seams = seams_of(settings, opened)
        machine = machine_of(settings, seams)
        xids = XidCounter(metrics, Counted(settings.state_dir / COUNTED_FILE))
        unasked = Unasked(machine, scheduling_of(settings), metrics, reporter, xids.know)

        async def heard(report: ProbeReport, gpu: GpuIdentity) -> None:
            _count(metrics, report)
            await unasked.probed(report, gpu)

        probe_rules = ProbeRules(settings.probes, own_pids=own_pids, heard=heard)
        desk = Desk(machine.prober, machine.sources.telemetry, machine.leases, probe_rules)
        heart, metrics_port = Heartbeat(), None
        opened.enter_context(heart.beating())
        if settings.metrics_listen is not None:
            served = metrics_served(settings.metrics_listen, Told(metrics.text, is_ready.is_set, heart.lives))
            metrics_port = opened.enter_context(served)
        seams.kernel_log.listen(xids.heard)  # before anybody can ask for lines, so that none is folded yet
        door = Door(str(settings.listen), rules.current, certificates, settings.stop_grace_seconds)
        work, grace = Work(machine, desk), Grace(settings.stop_grace_seconds)
        async with (
            found_is_kept(work, reporter, grace),
            answering(door, machine, desk) as port,
            asyncio.TaskGroup() as group,
        ):
            xids.know(sample.gpu for sample in await look(machine))
            _tell_what_is_missing(machine)
            opened.enter_context(followed(seams.kernel_log, partial(metrics.set, KERNEL_LOG_FOLLOWED)))
            unasked_work = group.create_task(unasked.run(), name="unasked")
            is_ready.set()
            try:
                yield Running(port, metrics_port, work, grace)
            finally:
                grace.begin()
                is_ready.clear()
                desk.stop()
                unasked_work.cancel()


def _count(metrics: PrometheusMetrics, report: ProbeReport) -> None:
    """The schedule counts its own runs; these are the ones somebody asked for."""
    kind = report.plan.kind
    for outcome in Outcome:
        if count := report.count(outcome):
            metrics.add(PROBE_EXECUTIONS, count, probe_type=kind, result=outcome)
    metrics.observe(PROBE_LATENCY, max(0, report.ended_unix_ns - report.started_unix_ns) / _NS, probe_type=kind)


def _tell_what_is_missing(machine: Machine) -> None:
    for part in machine.parts:
        if not part.is_available:
            log.warning("node.part_missing", part=part.name, reason=part.missing, hint="the rest is served")


def _announce(node: Running, settings: Settings) -> None:
    """One line of JSON on standard output with where it listens, for whoever started it; the log does not repeat it."""
    metrics = settings.metrics_listen
    facts = {
        "event": "node.serving",
        "grpc": str(Address(settings.listen.host, node.port)),
        "metrics": str(Address(metrics.host, node.metrics_port)) if metrics and node.metrics_port else None,
        "tls": settings.has_tls,
        "probes": str(settings.probes),
        "parts": {part.name: part.is_available for part in node.machine.parts},
        "pid": os.getpid(),
    }
    sys.stdout.write(json.dumps(facts) + "\n")
    sys.stdout.flush()


def _stop_on_signal(stop: asyncio.Event) -> None:
    loop = asyncio.get_running_loop()

    def on_signal() -> None:
        if stop.is_set():
            log.warning("node.killed")
            os._exit(_KILLED)
        log.info("node.signalled", hint="a second signal exits at once")
        stop.set()

    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, on_signal)
