"""The real service of a node over two GPUs in software, in this process: what the fleet's is held against."""

from __future__ import annotations

import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace

import grpc
from tests.fleet_node_agents.conftest import Stub
from tests.node_service.conftest import Given, serving
from tests.node_service.doubles import GivenTelemetry, sample

from sentinel.node.v1 import node_pb2_grpc
from sentinel_node.device.opening import software_gpus
from sentinel_node.diagnostics.catalogue import CHECKS
from sentinel_node.domain.access import EVERY_ROLE, AccessRules, Caller, token_digest
from sentinel_node.domain.diagnosis import Diagnosis, Observation, Status
from sentinel_node.domain.errors import NotFound
from sentinel_node.domain.gpu import GpuIdentity
from sentinel_node.domain.permission import Allowed
from sentinel_node.domain.probes import ProbePlan, ProbeReport
from sentinel_node.domain.seams import DiagnosticName, ProbeWatch, Progress
from sentinel_node.probes.catalogue import PROBES
from sentinel_node.probes.runner import Clocks, Runner
from sentinel_node.probes.session import Progress as RunnersProgress
from sentinel_node.probes.software.device import SoftwareDevice
from sentinel_node.probes.software.faults import StuckBit
from sentinel_node.probes.software.twins import twins

TOKEN = "the-agent"
SMS = 12
"""Fewer than any real one has, which costs less."""
BUSY, IDLE = software_gpus(2)
WRONG_SM, WRONG_BIT = 3, 19


@dataclass
class SoftwareProber:
    """Runs plans on GPUs in software, one SM of the busy one being wrong."""

    def gpus(self) -> tuple[GpuIdentity, ...]:
        return (BUSY, IDLE)

    def run(self, plan: ProbePlan, watch: ProbeWatch) -> ProbeReport:
        gpu = next(one for one in self.gpus() if one.uuid == plan.gpu_uuid)
        faults = (StuckBit(WRONG_SM, WRONG_BIT),) if gpu == BUSY else ()
        device = SoftwareDevice(twins(), SMS, faults, gpu)
        runner = Runner(PROBES, Clocks(time.monotonic, time.time_ns))
        report = runner.run(plan, device, lambda: watch.is_stopped, lambda told: _tell(watch, told))
        for finding in report.findings:
            watch.found(finding)
        return report


def _tell(watch: ProbeWatch, told: RunnersProgress) -> None:
    watch.progressed(Progress(told.done, told.total, told.variant))


class NamedDiagnostics:
    """Has the real names, and one answer."""

    def names(self) -> tuple[DiagnosticName, ...]:
        return tuple(DiagnosticName(name, check.description) for name, check in CHECKS.items())

    def diagnose(self, name: str) -> Diagnosis:
        if name not in CHECKS:
            raise NotFound(f"there is no diagnostic {name!r}")
        return Diagnosis(name, (Observation(Status.OK, BUSY.uuid, "fine"),), time.time_ns(), 1)


@asynccontextmanager
async def real_node(allowed: str) -> AsyncIterator[Stub]:
    """A client of it; the first GPU computes for somebody."""
    telemetry = GivenTelemetry((sample(BUSY, compute_processes=(4711,)), replace(sample(IDLE), utilization_pct=0.0)))
    rules = AccessRules(tokens={token_digest(TOKEN): Caller("gcm-sentinel", EVERY_ROLE)})
    given = Given(
        prober=SoftwareProber(), telemetry=telemetry, diagnostics=NamedDiagnostics(), allowed=Allowed(allowed),
        rules=rules,
    )  # fmt: skip
    async with serving(given) as port, grpc.aio.insecure_channel(f"127.0.0.1:{port}") as channel:
        yield node_pb2_grpc.NodeServiceStub(channel)
