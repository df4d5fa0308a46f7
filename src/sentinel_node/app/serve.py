"""`sentinel-node serve`: this node until told to stop. The first signal ends it in order, the second at once.

What cannot be had on this machine is one table in the log, and the rest is served. A launch or a driver call that hangs
would keep Python from ever ending, so after the grace the process leaves it behind.
"""

from __future__ import annotations

import asyncio
import json
import multiprocessing
import os
import signal
import sys
from collections.abc import AsyncIterator
from contextlib import ExitStack, asynccontextmanager
from dataclasses import dataclass

import structlog

from sentinel_node.app.machine import look, machine_of, own_pids, seams_of
from sentinel_node.app.metrics import PrometheusMetrics
from sentinel_node.app.metrics_http import metrics_served
from sentinel_node.app.release import version
from sentinel_node.app.rules import Rules
from sentinel_node.app.setting_values import Address
from sentinel_node.app.settings import Settings
from sentinel_node.app.unasked import Unasked, reporter_of, scheduling_of
from sentinel_node.domain.errors import NodeError
from sentinel_node.domain.gpu import GpuIdentity
from sentinel_node.domain.metrics import PROBE_EXECUTIONS, PROBE_LATENCY
from sentinel_node.domain.probes import Outcome, ProbeReport
from sentinel_node.service.certificates import CertificateFiles, Certificates
from sentinel_node.service.desk import Desk, ProbeRules
from sentinel_node.service.node_service import Machine
from sentinel_node.service.server import Door, answering

log = structlog.get_logger(__name__)

_KILLED = 130
_NS = 1e9
_LOOK_S = 0.05


@dataclass(frozen=True, slots=True)
class Running:
    """A node that answers."""

    port: int
    metrics_port: int | None
    machine: Machine
    desk: Desk


async def serve(settings: Settings) -> None:
    """Run until SIGINT or SIGTERM.

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
    except BaseExceptionGroup as group:
        raise _cause(group) from group
    await _left_behind(node, settings.stop_grace_seconds)


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
    certificates = _certificates(settings)
    rules = Rules(settings)
    metrics = PrometheusMetrics(version=version())
    is_ready = asyncio.Event()
    with ExitStack() as opened:
        reporter = reporter_of(settings, metrics, opened)
        machine = machine_of(settings, seams_of(settings, opened))
        unasked = Unasked(machine, scheduling_of(settings), metrics, reporter)

        async def heard(report: ProbeReport, gpu: GpuIdentity) -> None:
            _count(metrics, report)
            await unasked.probed(report, gpu)

        probe_rules = ProbeRules(settings.probes, own_pids=own_pids, heard=heard)
        desk = Desk(machine.prober, machine.sources.telemetry, machine.leases, probe_rules)
        metrics_port = None
        if settings.metrics_listen is not None:
            served = metrics_served(settings.metrics_listen, metrics.text, is_ready.is_set)
            metrics_port = opened.enter_context(served)
        door = Door(str(settings.listen), rules.current, certificates, settings.stop_grace_seconds)
        async with answering(door, machine, desk) as port, asyncio.TaskGroup() as group:
            await look(machine)
            _tell_what_is_missing(machine)
            work = group.create_task(unasked.run(), name="unasked")
            is_ready.set()
            try:
                yield Running(port, metrics_port, machine, desk)
            finally:
                is_ready.clear()
                work.cancel()


def _certificates(settings: Settings) -> Certificates | None:
    if settings.tls_cert_file is None or settings.tls_key_file is None:
        return None
    return Certificates(CertificateFiles(settings.tls_cert_file, settings.tls_key_file, settings.tls_ca_file))


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
    """One line of JSON on standard output with where it listens, for whoever started it with port 0."""
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
    log.info(**facts)


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


async def _left_behind(node: Running, grace_s: float) -> None:
    """Wait for threads to end; leave the process where some do not, and take its children along."""
    try:
        async with asyncio.timeout(grace_s):
            while works(node):  # noqa: ASYNC110  threads that hang tell nobody when they end
                await asyncio.sleep(_LOOK_S)
    except TimeoutError:
        log.warning("node.work_left_behind", hint="a GPU or the driver does not answer; the process ends all the same")
        sys.stdout.flush()
        for child in multiprocessing.active_children():
            child.kill()
        os._exit(0)


def works(node: Running) -> bool:
    """Whether threads are at work that would keep Python from ending: probes, whoever wanted them, and hung questions.

    A probe holds its GPU's lease for as long as its thread works.
    """
    hung = any(part.is_hung for part in node.machine.parts)
    return hung or not node.desk.is_idle or bool(node.machine.leases.holders())
