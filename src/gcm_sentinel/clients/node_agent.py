"""Asks the agents on GPU nodes, each by the exact name of its node.

An answer that names another node is refused: a wrong address would otherwise put one machine's evidence into another's
incident. Every call has a deadline; a caller who is cancelled ends the call, and with it a probe.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING, TypeVar

from gcm_sentinel.clients.node_agent_access import NodeAccess
from gcm_sentinel.clients.node_agent_bounds import MOST_FINDING_BYTES, MOST_FINDINGS, MOST_LINES, Bound
from gcm_sentinel.clients.node_agent_errors import of_rpc
from gcm_sentinel.domain.errors import BadResponse
from gcm_sentinel.domain.node_agent import (
    CapturedEvidence,
    EvidenceQuestion,
    GpuReading,
    KernelLine,
    KernelLines,
    KernelQuestion,
    NodeDescription,
    NodeDiagnosis,
)
from gcm_sentinel.domain.node_probes import Follower, ProbeFinding, ProbeOrder, ProbeRun, nobody

if TYPE_CHECKING:
    from sentinel.node.v1 import node_pb2
    from sentinel.node.v1.node_pb2_grpc import NodeServiceAsyncStub

Answer = TypeVar("Answer")


@dataclass(frozen=True, slots=True)
class Deadlines:
    """Of one call each."""

    reading: timedelta = timedelta(seconds=45)
    """The agent gives its own readers 20 s."""
    capture: timedelta = timedelta(minutes=5)
    beyond_probe: timedelta = timedelta(minutes=3)
    """Beyond the probe's own: the agent may first have to open the GPU, and end what hangs."""


@dataclass(frozen=True, slots=True)
class NodeAgents:
    """The agents on all nodes."""

    access: NodeAccess
    deadlines: Deadlines = Deadlines()

    async def describe(self, node: str) -> NodeDescription:
        """The node, its GPUs, what works there and which probes it lets run."""
        from gcm_sentinel.clients import node_agent_convert as convert
        from sentinel.node.v1 import node_pb2

        async with self._stub(node) as stub:
            answer = await stub.DescribeNode(
                node_pb2.DescribeNodeRequest(), timeout=self._reading_s, metadata=self.access.metadata
            )
        return convert.description(_of(node, answer.node_name, answer))

    async def run_probe(self, node: str, order: ProbeOrder, follow: Follower = nobody) -> ProbeRun:
        """Run one to its end; being cancelled stops it before its next launch.

        Raises:
            Rejected: the node does not allow it, or somebody computes on the GPU.
            Overloaded: another probe holds the GPU.
            SentinelError: it could not be run.
        """
        from gcm_sentinel.clients import node_agent_probes as convert

        findings: list[ProbeFinding] = []
        bound = Bound("findings", MOST_FINDINGS, MOST_FINDING_BYTES)
        timeout_s = (order.answer_within or order.deadline + self.deadlines.beyond_probe).total_seconds()
        async with self._stub(node) as stub:
            call = stub.RunProbe(convert.request(order), timeout=timeout_s, metadata=self.access.metadata)
            async for event in call:
                _of(node, event.gpu.node_name, event)
                if event.HasField("progress"):
                    follow(convert.progress(event.progress))
                elif event.HasField("finding"):
                    bound.take(1, event.ByteSize())
                    findings.append(convert.finding(event.finding))
                    follow(findings[-1])
                elif event.HasField("report"):
                    return convert.run(event, findings, order)
        raise BadResponse(f"agent on node {node!r}: the probe's answer ended without a report")

    async def kernel_log(self, node: str, question: KernelQuestion) -> KernelLines:
        """The newest lines that are wanted."""
        from gcm_sentinel.clients import node_agent_convert as convert

        lines: list[KernelLine] = []
        bound = Bound("lines of the kernel's log", MOST_LINES)
        async with self._stub(node) as stub:
            call = stub.ReadKernelLog(_asked(question), timeout=self._reading_s, metadata=self.access.metadata)
            async for page in call:
                bound.take(len(page.records), page.ByteSize())
                lines.extend(map(convert.line, page.records))
                if page.HasField("coverage"):
                    covered = _of(node, page.coverage.node_name, page.coverage)
                    return convert.kernel_lines(covered, lines)
        raise BadResponse(f"agent on node {node!r}: the log's answer ended before it said what was looked through")

    async def telemetry(self, node: str) -> tuple[GpuReading, ...]:
        """What the driver says of every GPU now."""
        from gcm_sentinel.clients import node_agent_convert as convert
        from sentinel.node.v1 import node_pb2

        async with self._stub(node) as stub:
            answer = await stub.ReadTelemetry(
                node_pb2.TelemetryRequest(), timeout=self._reading_s, metadata=self.access.metadata
            )
        return tuple(map(convert.reading, _of(node, answer.node_name, answer).samples))

    async def diagnostics(self, node: str) -> tuple[tuple[str, str], ...]:
        """What can be asked by name, each with what the answer tells."""
        from sentinel.node.v1 import node_pb2

        async with self._stub(node) as stub:
            answer = await stub.ListDiagnostics(
                node_pb2.ListDiagnosticsRequest(), timeout=self._reading_s, metadata=self.access.metadata
            )
        return tuple((one.name, one.description) for one in answer.diagnostics)

    async def diagnose(self, node: str, name: str) -> NodeDiagnosis:
        """The answer to one of the questions that `diagnostics` names."""
        from gcm_sentinel.clients import node_agent_convert as convert
        from sentinel.node.v1 import node_pb2

        async with self._stub(node) as stub:
            answer = await stub.Diagnose(
                node_pb2.DiagnoseRequest(name=name), timeout=self._reading_s, metadata=self.access.metadata
            )
        return convert.diagnosis(_of(node, answer.node_name, answer))

    async def capture(self, node: str, question: EvidenceQuestion) -> CapturedEvidence:
        """All parts, each with its content or why there is none."""
        from gcm_sentinel.clients.node_agent_convert import stamp
        from gcm_sentinel.clients.node_agent_evidence import Assembly
        from sentinel.node.v1 import node_pb2

        assembly = Assembly()
        asked = node_pb2.EvidenceRequest(gpu_uuid=question.gpu_uuid, reason=question.reason)
        if question.since:
            asked.since.CopyFrom(stamp(question.since))
        timeout_s = self.deadlines.capture.total_seconds()
        async with self._stub(node) as stub:
            async for event in stub.CaptureEvidence(asked, timeout=timeout_s, metadata=self.access.metadata):
                if evidence := assembly.add(event):
                    return _of(node, evidence.node, evidence)
        raise BadResponse(f"agent on node {node!r}: the evidence ended without its manifest")

    @property
    def _reading_s(self) -> float:
        return self.deadlines.reading.total_seconds()

    @asynccontextmanager
    async def _stub(self, node: str) -> AsyncIterator[NodeServiceAsyncStub]:
        """A connection for one call; leaving it ends the call."""
        import grpc

        from sentinel.node.v1.node_pb2_grpc import NodeServiceStub

        async with self.access.channel(await self.access.address_of(node)) as channel:
            try:
                yield NodeServiceStub(channel)
            except grpc.aio.AioRpcError as error:
                raise of_rpc(error, node=node) from error


def _of(node: str, told: str, answer: Answer) -> Answer:
    """The answer, if it is of the node that was asked."""
    if told != node:
        raise BadResponse(f"agent on node {node!r}: the answer is of node {told!r}; its address leads elsewhere")
    return answer


def _asked(question: KernelQuestion) -> node_pb2.KernelLogRequest:
    from gcm_sentinel.clients.node_agent_convert import stamp
    from sentinel.node.v1 import node_pb2

    asked = node_pb2.KernelLogRequest(boot_id=question.boot_id, contains=question.contains, limit=question.limit)
    if question.since:
        asked.since.CopyFrom(stamp(question.since))
    if question.until:
        asked.until.CopyFrom(stamp(question.until))
    return asked
