"""`gcm_sentinel.node.v1.NodeService` of all nodes of a world. Which node is asked, its door tells: see `door`."""

from __future__ import annotations

import hmac
from collections import Counter
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass, field
from typing import Any, TypeVar

from grpc import StatusCode
from grpc.aio import ServicerContext

from sentinel.node.v1 import node_pb2, node_pb2_grpc
from sentinel_fleet.node_agents.diagnostics import CHECKS, diagnose
from sentinel_fleet.node_agents.evidence import gather
from sentinel_fleet.node_agents.facts import PARTS, PartName
from sentinel_fleet.node_agents.kernel import MOST_LINES, USUAL_LINES, Wanted, boots, nanoseconds, pages
from sentinel_fleet.node_agents.node import NodeNow
from sentinel_fleet.node_agents.permission import PERMISSIONS, check_allowed, check_idle, gpu_of, plan_of
from sentinel_fleet.node_agents.probing import Run
from sentinel_fleet.node_agents.readings import samples
from sentinel_fleet.node_agents.refusals import Refusal, busy, invalid, not_found, unavailable
from sentinel_fleet.stable import seed64, stable_uuid

Context = ServicerContext[Any, Any]  # Any: the messages of whichever method it is
Request = TypeVar("Request")
Answer = TypeVar("Answer")

_CALLER = "gcm-sentinel"
_HOUR_NS = 3600 * 10**9
_MOST_NEEDLES, _LONGEST_NEEDLE, _BOOT_DIGITS, _LONGEST_REASON = 50, 500, 32, 500
_NO_DRIVER = "the NVIDIA driver is not loaded"
_DRIVERS: frozenset[PartName] = frozenset({"probes", "telemetry", "diagnostics"})


@dataclass(frozen=True, slots=True)
class NodeService(node_pb2_grpc.NodeServiceServicer):
    """The servicer."""

    at_door: Callable[[str], NodeNow | None]
    """The node whose door a caller came through, by gRPC's name of the connection; None where there is no agent."""
    token: str
    holders: dict[str, str] = field(default_factory=dict)
    """Who probes which GPU now, by its UUID."""
    runs: Counter[str] = field(default_factory=Counter)

    async def DescribeNode(  # noqa: N802  the wire's name
        self, request: node_pb2.DescribeNodeRequest, context: Context
    ) -> node_pb2.NodeDescription:
        """The machine, its GPUs, and which parts work."""
        return await self._answer(context, self._described)

    async def RunProbe(  # noqa: N802  the wire's name
        self, request: node_pb2.ProbeRequest, context: Context
    ) -> AsyncIterator[node_pb2.ProbeEvent]:
        """One probe on one GPU, to its end."""
        async for event in self._stream(context, lambda node: self._probed(node, request)):
            yield event

    async def ReadKernelLog(  # noqa: N802  the wire's name
        self, request: node_pb2.KernelLogRequest, context: Context
    ) -> AsyncIterator[node_pb2.KernelLogPage]:
        """The newest lines that are wanted, in pages."""
        async for page in self._stream(context, lambda node: _log_pages(node, request)):
            yield page

    async def ReadTelemetry(  # noqa: N802  the wire's name
        self, request: node_pb2.TelemetryRequest, context: Context
    ) -> node_pb2.TelemetryReport:
        """What the driver says of GPUs now."""
        return await self._answer(context, lambda node: _telemetry(node, list(request.gpu_uuids)))

    async def ListDiagnostics(  # noqa: N802  the wire's name
        self, request: node_pb2.ListDiagnosticsRequest, context: Context
    ) -> node_pb2.DiagnosticList:
        """What can be asked by name."""
        return await self._answer(context, _diagnostics)

    async def Diagnose(  # noqa: N802  the wire's name
        self, request: node_pb2.DiagnoseRequest, context: Context
    ) -> node_pb2.Diagnosis:
        """The answer to one question."""
        return await self._answer(context, lambda node: _diagnosis(node, request.name))

    async def CaptureEvidence(  # noqa: N802  the wire's name
        self, request: node_pb2.EvidenceRequest, context: Context
    ) -> AsyncIterator[node_pb2.EvidenceEvent]:
        """Everything that a reset would destroy."""
        async for event in self._stream(context, lambda node: _evidence(node, request)):
            yield event

    async def _answer(self, context: Context, answer: Callable[[NodeNow], Answer]) -> Answer:
        try:
            return answer(self._node(context))
        except Refusal as refusal:
            await context.abort(refusal.code, refusal.words)
            raise

    async def _stream(self, context: Context, answers: Callable[[NodeNow], Iterator[Answer]]) -> AsyncIterator[Answer]:
        try:
            # closed with the call, so that a GPU is given back when a caller leaves
            with closing(answers(self._node(context))) as told:  # type: ignore[type-var]
                for answer in told:
                    yield answer
        except Refusal as refusal:
            await context.abort(refusal.code, refusal.words)

    def _node(self, context: Context) -> NodeNow:
        sent = [value for key, value in context.invocation_metadata() or () if key == "authorization"]
        if not any(hmac.compare_digest(str(value), f"Bearer {self.token}") for value in sent):
            raise Refusal(StatusCode.UNAUTHENTICATED, "the bearer token is not known here")
        node = self.at_door(context.peer())
        if node is None:
            raise unavailable("there is no agent at this address")
        fault = node.world.faults.fault("node_agent", node.name)
        if fault == "403":
            raise Refusal(StatusCode.PERMISSION_DENIED, f"{_CALLER!r} has no role on this node")
        if fault == "503":
            raise unavailable("the node agent is stopping")
        return node

    def _described(self, node: NodeNow) -> node_pb2.NodeDescription:
        lacking = {part: _missing(node, part) for part in PARTS}
        description = node_pb2.NodeDescription(
            node_name=node.name,
            agent_version=node.plan.part.version,
            boot_id=node.boot_id,
            gpus=_gpus(node),
            parts=[node_pb2.NodePart(name=part, is_available=not why, missing=why) for part, why in lacking.items()],
            permission=PERMISSIONS[node.plan.part.probes],
            holders=[node_pb2.GpuHolder(gpu_uuid=gpu, holder=who) for gpu, who in self._held(node)],
        )
        description.time.FromNanoseconds(node.stamp_ns)
        return description

    def _held(self, node: NodeNow) -> list[tuple[str, str]]:
        here = {gpu.uuid for gpu in node.gpus}
        return sorted((gpu, who) for gpu, who in self.holders.items() if gpu in here)

    def _probed(self, node: NodeNow, request: node_pb2.ProbeRequest) -> Iterator[node_pb2.ProbeEvent]:
        number = self.runs[request.gpu_uuid]
        plan = plan_of(request, fresh_seed=seed64(node.world.fleet.seed, request.gpu_uuid, number))
        check_allowed(plan, node.plan.part.probes)
        _need(node, "probes")
        gpu = gpu_of(plan, node)
        self.runs[gpu.uuid] += 1
        run_id = stable_uuid(node.world.fleet.seed, "run", gpu.uuid, number)
        with self._hold(gpu.uuid, f"{_CALLER} ({plan.probe.lower()}, {'deep' if plan.is_deep else 'light'})"):
            check_idle(plan, node, gpu)
            identity = node.message(gpu)
            for event in Run(node, gpu, plan, number).events():
                event.run_id = run_id
                event.time.FromNanoseconds(node.stamp_ns)
                event.gpu.CopyFrom(identity)
                yield event

    @contextmanager
    def _hold(self, gpu_uuid: str, holder: str) -> Iterator[None]:
        if gpu_uuid in self.holders:
            raise busy(f"GPU {gpu_uuid!r} is held by {self.holders[gpu_uuid]}: one probe at a time, ask again later")
        self.holders[gpu_uuid] = holder
        try:
            yield
        finally:
            del self.holders[gpu_uuid]


def _missing(node: NodeNow, part: PartName) -> str:
    if part in _DRIVERS and node.world.faults.fault("node_agent", node.name) == "empty":
        return _NO_DRIVER
    return node.missing(part)


def _need(node: NodeNow, part: PartName) -> None:
    if missing := _missing(node, part):
        raise unavailable(f"{part}: {missing}")


def _need_log(node: NodeNow) -> None:
    """The agent's, and whatever keeps the kernel's log from readers by any way."""
    _need(node, "kernel_log")
    if (fault := node.world.faults.fault("kernel_log", node.name)) not in (None, "empty"):
        words = "kernel_log: /dev/kmsg and the journal cannot be read"
        raise Refusal(StatusCode.PERMISSION_DENIED, words) if fault == "403" else unavailable(words)


def _gpus(node: NodeNow) -> list[node_pb2.GpuIdentity]:
    if _missing(node, "telemetry") and _missing(node, "probes"):
        return []
    return [node.message(gpu) for gpu in node.gpus]


def _telemetry(node: NodeNow, uuids: list[str]) -> node_pb2.TelemetryReport:
    _need(node, "telemetry")
    if unknown := [uuid for uuid in uuids if uuid not in {gpu.uuid for gpu in node.gpus}]:
        raise not_found(f"the driver has no GPU {unknown[0]!r:.80}")
    report = node_pb2.TelemetryReport(node_name=node.name, samples=samples(node, uuids))
    report.time.FromNanoseconds(node.stamp_ns)
    return report


def _diagnostics(node: NodeNow) -> node_pb2.DiagnosticList:
    _need(node, "diagnostics")
    names = [node_pb2.DiagnosticName(name=name, description=check.description) for name, check in CHECKS.items()]
    return node_pb2.DiagnosticList(diagnostics=names)


def _diagnosis(node: NodeNow, name: str) -> node_pb2.Diagnosis:
    _need(node, "diagnostics")
    return diagnose(node, name)


def _log_pages(node: NodeNow, request: node_pb2.KernelLogRequest) -> Iterator[node_pb2.KernelLogPage]:
    wanted = _wanted_lines(request)
    _need_log(node)
    if wanted.boot_id and wanted.boot_id not in boots(node):
        raise not_found(f"boot {wanted.boot_id!r} is not kept here")
    yield from pages(node, wanted)


def _wanted_lines(request: node_pb2.KernelLogRequest) -> Wanted:
    if request.limit > MOST_LINES:
        raise invalid(f"limit is {request.limit} and may be {MOST_LINES}")
    if request.boot_id and (len(request.boot_id) != _BOOT_DIGITS or not request.boot_id.isalnum()):
        raise invalid(f"boot_id is no {_BOOT_DIGITS} hexadecimal digits: {request.boot_id!r:.80}")
    if len(request.contains) > _MOST_NEEDLES or any(not 0 < len(one) <= _LONGEST_NEEDLE for one in request.contains):
        raise invalid(f"contains takes {_MOST_NEEDLES} texts of at most {_LONGEST_NEEDLE} characters")
    since = nanoseconds(request.since) if request.HasField("since") else 0
    until = nanoseconds(request.until) if request.HasField("until") else 0
    if until and until < since:
        raise invalid("until lies before since")
    return Wanted(since, until, request.boot_id, tuple(request.contains), request.limit or USUAL_LINES)


def _evidence(node: NodeNow, request: node_pb2.EvidenceRequest) -> Iterator[node_pb2.EvidenceEvent]:
    since = nanoseconds(request.since) if request.HasField("since") else node.stamp_ns - _HOUR_NS
    until = nanoseconds(request.until) if request.HasField("until") else 0
    if until and until < since:
        raise invalid("until lies before since")
    if len(request.reason) > _LONGEST_REASON:
        raise invalid(f"reason has more than {_LONGEST_REASON} characters")

    def needs(part: PartName) -> None:
        _need_log(node) if part == "kernel_log" else _need(node, part)

    yield from gather(node, request, Wanted(since, until), _gpus(node), needs)
