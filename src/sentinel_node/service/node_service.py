"""`gcm_sentinel.node.v1.NodeService` over the seams of the machine: requests to values, values to messages, no more."""

from __future__ import annotations

import secrets
import time
from collections.abc import AsyncIterator, Callable
from contextlib import aclosing
from dataclasses import dataclass, field
from typing import Any

from sentinel.node.v1 import node_pb2, node_pb2_grpc
from sentinel_node.domain.errors import Invalid, NotFound, Unavailable
from sentinel_node.domain.gpu import GpuIdentity
from sentinel_node.domain.leases import Leases
from sentinel_node.domain.permission import Allowed
from sentinel_node.domain.probes import Finding, ProbePlan
from sentinel_node.domain.seams import Prober, Progress
from sentinel_node.domain.telemetry import GpuSample
from sentinel_node.service.authentication import CALLER, Context
from sentinel_node.service.desk import Desk, Told
from sentinel_node.service.evidence import Gathered, Sources, Wanted, gather
from sentinel_node.service.kernel_messages import page_messages, query_of
from sentinel_node.service.part import Part
from sentinel_node.service.probe_messages import (
    PERMISSIONS,
    Deadlines,
    finding_message,
    plan_of,
    progress_message,
    report_message,
    request_message,
)
from sentinel_node.service.reading_messages import diagnosis_message, sample_message
from sentinel_node.service.wire_values import cut, gpu_message, timestamp, unix_ns
from sentinel_sdk.ids import uuid7

_HOUR_NS = 3600 * 10**9
_CHUNK_BYTES = 256 << 10
_LONGEST_REASON = 500
_LONGEST_WORDS = 2000


def _seed() -> int:
    return secrets.randbits(64)


@dataclass(frozen=True, slots=True)
class Node:
    """This machine, as it names itself."""

    name: str
    agent_version: str
    boot_id: str = ""
    """32 hexadecimal digits; empty where unknown."""


@dataclass(frozen=True, slots=True)
class Machine:
    """Everything the service answers from."""

    node: Node
    prober: Part[Prober]
    sources: Sources
    leases: Leases
    allowed: Allowed
    deadlines: Deadlines = Deadlines()
    now_ns: Callable[[], int] = field(default=time.time_ns)
    draw_seed: Callable[[], int] = field(default=_seed)

    @property
    def parts(self) -> tuple[Part[Any], ...]:
        """What may be missing, whatever each is."""
        sources = self.sources
        return (self.prober, sources.telemetry, sources.kernel_log, sources.diagnostics, sources.processes)


class NodeService(node_pb2_grpc.NodeServiceServicer):
    """The servicer; the border stands before it."""

    def __init__(self, machine: Machine, desk: Desk) -> None:
        self._machine = machine
        self._desk = desk
        self._node = machine.node

    async def DescribeNode(  # noqa: N802  the wire's name
        self, request: node_pb2.DescribeNodeRequest, context: Context
    ) -> node_pb2.NodeDescription:
        """The machine, its GPUs, and which parts work here."""
        machine = self._machine
        parts = [
            node_pb2.NodePart(
                name=part.name, is_available=part.is_available, missing=cut(part.missing, _LONGEST_WORDS)[0]
            )
            for part in machine.parts
        ]
        holders = sorted(machine.leases.holders().items())
        return node_pb2.NodeDescription(
            time=timestamp(machine.now_ns()),
            node_name=self._node.name,
            agent_version=self._node.agent_version,
            boot_id=self._node.boot_id,
            gpus=[gpu_message(gpu, self._node.name) for gpu in await self._gpus()],
            parts=parts,
            permission=PERMISSIONS[machine.allowed],
            holders=[node_pb2.GpuHolder(gpu_uuid=gpu, holder=holder) for gpu, holder in holders],
        )

    async def RunProbe(  # noqa: N802  the wire's name
        self, request: node_pb2.ProbeRequest, context: Context
    ) -> AsyncIterator[node_pb2.ProbeEvent]:
        """One probe on one GPU, followed to its end."""
        plan = plan_of(request, self._machine.deadlines, self._machine.draw_seed)
        run_id = uuid7(self._machine.now_ns)
        gpu: node_pb2.GpuIdentity | None = None
        async with aclosing(self._desk.run(plan, CALLER.get().name, context.time_remaining())) as run:
            async for told in run:
                if isinstance(told, GpuIdentity):
                    gpu = gpu_message(told, self._node.name)
                event = _event(told, plan)
                event.MergeFrom(node_pb2.ProbeEvent(run_id=run_id, time=timestamp(self._machine.now_ns()), gpu=gpu))
                yield event

    async def ReadKernelLog(  # noqa: N802  the wire's name
        self, request: node_pb2.KernelLogRequest, context: Context
    ) -> AsyncIterator[node_pb2.KernelLogPage]:
        """The newest lines that are wanted, in pages."""
        query = query_of(request)
        page = await self._machine.sources.kernel_log.ask(lambda log: log.read(query))
        for message in page_messages(page, self._machine.now_ns(), self._node.name):
            yield message

    async def ReadTelemetry(  # noqa: N802  the wire's name
        self, request: node_pb2.TelemetryRequest, context: Context
    ) -> node_pb2.TelemetryReport:
        """What the driver says of GPUs now."""
        samples = await self._machine.sources.telemetry.ask(lambda telemetry: telemetry.samples())
        messages = [sample_message(sample, self._node.name) for sample in _chosen(samples, tuple(request.gpu_uuids))]
        return node_pb2.TelemetryReport(
            time=timestamp(self._machine.now_ns()), node_name=self._node.name, samples=messages
        )

    async def ListDiagnostics(  # noqa: N802  the wire's name
        self, request: node_pb2.ListDiagnosticsRequest, context: Context
    ) -> node_pb2.DiagnosticList:
        """What can be asked by name."""
        names = await self._machine.sources.diagnostics.ask(lambda diagnostics: diagnostics.names())
        found = [node_pb2.DiagnosticName(name=name.name, description=name.description) for name in names]
        return node_pb2.DiagnosticList(diagnostics=found)

    async def Diagnose(  # noqa: N802  the wire's name
        self, request: node_pb2.DiagnoseRequest, context: Context
    ) -> node_pb2.Diagnosis:
        """The answer to one question."""
        name = request.name
        return diagnosis_message(
            await self._machine.sources.diagnostics.ask(
                lambda diagnostics: diagnostics.diagnose(name), is_of_whole=False
            ),
            self._node.name,
        )

    async def CaptureEvidence(  # noqa: N802  the wire's name
        self, request: node_pb2.EvidenceRequest, context: Context
    ) -> AsyncIterator[node_pb2.EvidenceEvent]:
        """Everything that a reset would destroy, part by part, then the manifest."""
        started_ns = self._machine.now_ns()
        wanted = _wanted(request, started_ns)
        manifest = node_pb2.EvidenceManifest(
            node_name=self._node.name,
            boot_id=self._node.boot_id,
            started=timestamp(started_ns),
            gpus=[gpu_message(gpu, self._node.name) for gpu in await self._gpus()],
            reason=request.reason,
        )
        async for gathered in gather(self._machine.sources, wanted, self._node.name):
            for start in range(0, len(gathered.content), _CHUNK_BYTES):
                chunk = gathered.content[start : start + _CHUNK_BYTES]
                yield node_pb2.EvidenceEvent(chunk=node_pb2.EvidenceChunk(name=gathered.name, content=chunk))
            part = _part_message(gathered, self._machine.now_ns())
            manifest.parts.append(part)
            yield node_pb2.EvidenceEvent(part=part)
        manifest.ended.CopyFrom(timestamp(self._machine.now_ns()))
        yield node_pb2.EvidenceEvent(manifest=manifest)

    async def _gpus(self) -> tuple[GpuIdentity, ...]:
        """Of the driver where it answers, else of whatever runs probes; none where nobody can tell."""
        try:
            samples = await self._machine.sources.telemetry.ask(lambda telemetry: telemetry.samples())
        except Unavailable:  # said under its name in `parts`
            pass
        else:
            return tuple(sample.gpu for sample in samples)
        try:
            return await self._machine.prober.ask(lambda prober: prober.gpus())
        except Unavailable:  # as before
            return ()


def _event(told: Told, plan: ProbePlan) -> node_pb2.ProbeEvent:
    if isinstance(told, GpuIdentity):
        return node_pb2.ProbeEvent(accepted=node_pb2.ProbeAccepted(plan=request_message(plan)))
    if isinstance(told, Progress):
        return node_pb2.ProbeEvent(progress=progress_message(told))
    if isinstance(told, Finding):
        return node_pb2.ProbeEvent(finding=finding_message(told))
    return node_pb2.ProbeEvent(report=report_message(told))


def _chosen(samples: tuple[GpuSample, ...], uuids: tuple[str, ...]) -> tuple[GpuSample, ...]:
    known = {sample.gpu.uuid for sample in samples}
    if unknown := [uuid for uuid in uuids if uuid not in known]:
        raise NotFound(f"the driver has no GPU {unknown[0]!r:.80} here; it has: {', '.join(sorted(known)) or 'none'}")
    return tuple(sample for sample in samples if not uuids or sample.gpu.uuid in uuids)


def _wanted(request: node_pb2.EvidenceRequest, now_ns: int) -> Wanted:
    since = unix_ns(request.since, "since") if request.HasField("since") else now_ns - _HOUR_NS
    until = unix_ns(request.until, "until") if request.HasField("until") else 0
    if until and until < since:
        raise Invalid("until is before since")
    if len(request.reason) > _LONGEST_REASON:
        raise Invalid(f"reason is longer than {_LONGEST_REASON} characters")
    return Wanted(request.gpu_uuid, since, until)


def _part_message(gathered: Gathered, now_ns: int) -> node_pb2.EvidencePart:
    return node_pb2.EvidencePart(
        name=gathered.name,
        media_type=gathered.media_type,
        time=timestamp(now_ns),
        size_bytes=len(gathered.content),
        sha256=gathered.sha256,
        is_truncated=gathered.is_truncated,
        missing=cut(gathered.missing, _LONGEST_WORDS)[0],
    )
