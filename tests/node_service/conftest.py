"""A real server of the node's service on loopback over a machine of doubles."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import grpc
import pytest
import structlog
from tests.node_service.doubles import (
    BOOT,
    NOW_NS,
    GivenDiagnostics,
    GivenLog,
    GivenProcesses,
    GivenTelemetry,
    SteppedProber,
)

from sentinel.node.v1 import node_pb2_grpc
from sentinel_node.domain.access import EVERY_ROLE, AccessRules
from sentinel_node.domain.gpu import GpuIdentity
from sentinel_node.domain.leases import Leases
from sentinel_node.domain.permission import Allowed
from sentinel_node.domain.probes import ProbeReport
from sentinel_node.service.desk import Desk, ProbeRules
from sentinel_node.service.evidence import Sources
from sentinel_node.service.node_service import Machine, Node
from sentinel_node.service.part import Part
from sentinel_node.service.server import Door, answering
from sentinel_serving.certificates import Certificates

OPEN = AccessRules(anonymous=EVERY_ROLE)


@dataclass
class Given:
    """What a test's node is made of; changed before it is started, or steered while it runs."""

    prober: Any = field(default_factory=SteppedProber)
    telemetry: Any = field(default_factory=GivenTelemetry)
    kernel_log: Any = field(default_factory=GivenLog)
    diagnostics: Any = field(default_factory=GivenDiagnostics)
    processes: Any = field(default_factory=GivenProcesses)
    allowed: Allowed = Allowed.DEEP
    rules: AccessRules = OPEN
    certificates: Certificates | None = None
    leases: Leases = field(default_factory=Leases)
    read_deadline_s: float = 10.0
    grace_s: float = 10.0
    hearing_s: float = 5.0
    heard: list[Any] = field(default_factory=list)
    address: str = "127.0.0.1:0"
    port: int = 0

    async def hear(self, report: ProbeReport, gpu: GpuIdentity) -> None:
        self.heard.append((report.plan.kind, gpu.uuid))

    def desk(self, machine: Machine) -> Desk:
        """Where its probes are asked for."""
        rules = ProbeRules(self.allowed, self.grace_s, heard=self.hear, hearing_s=self.hearing_s)
        return Desk(machine.prober, machine.sources.telemetry, self.leases, rules)

    def machine(self) -> Machine:
        """The parts, each missing where the test gave None."""

        def part(name: str, thing: Any) -> Part[Any]:
            return Part(name, thing, missing=f"there is no {name} here", deadline_s=self.read_deadline_s)

        sources = Sources(
            part("kernel_log", self.kernel_log),
            part("telemetry", self.telemetry),
            part("diagnostics", self.diagnostics),
            part("processes", self.processes),
        )
        node = Node("node-1", "1.2.3", BOOT)
        prober = part("probes", self.prober)
        return Machine(
            node, prober, sources, self.leases, self.allowed, now_ns=lambda: NOW_NS, draw_seed=lambda: 2**64 - 1
        )


@asynccontextmanager
async def serving(given: Given) -> AsyncIterator[int]:
    """A server of it; gives the port."""
    machine = given.machine()
    desk = given.desk(machine)
    door = Door(given.address, lambda: given.rules, given.certificates, grace_s=1)
    async with answering(door, machine, desk) as port:
        given.port = port
        yield port


if TYPE_CHECKING:
    from sentinel.node.v1.node_pb2_grpc import NodeServiceAsyncStub as Stub
else:
    Stub = node_pb2_grpc.NodeServiceStub

Connected = Callable[[Given], AbstractAsyncContextManager[Stub]]


@asynccontextmanager
async def connected(given: Given) -> AsyncIterator[Stub]:
    """A client of a server of it."""
    async with serving(given) as port, grpc.aio.insecure_channel(f"127.0.0.1:{port}") as channel:
        yield node_pb2_grpc.NodeServiceStub(channel)


@pytest.fixture(autouse=True)
def _quiet() -> None:
    """Logs go nowhere, unless a test captures them."""
    structlog.configure(
        processors=[structlog.processors.KeyValueRenderer()], logger_factory=structlog.ReturnLoggerFactory()
    )


@pytest.fixture
def given() -> Given:
    return Given()


@pytest.fixture
async def node(given: Given) -> AsyncIterator[Stub]:
    """A client of the test's node."""
    async with connected(given) as stub:
        yield stub


@pytest.fixture
def node_of() -> Connected:
    """Starts a node that a test has changed first."""
    return connected
