"""The same requests to the real service of a node and to the fleet's: the same codes, and answers of the same shape."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from hashlib import sha256
from typing import Any

import grpc
import pytest
from google.protobuf.message import Message
from tests.fleet_node_agents.conftest import Served, Stub
from tests.fleet_node_agents.real import BUSY, IDLE, TOKEN, WRONG_BIT, WRONG_SM, real_node

from sentinel.node.v1 import node_pb2 as pb
from sentinel_fleet.node_agents.catalogue import VARIANTS
from sentinel_fleet.node_agents.diagnostics import CHECKS
from sentinel_fleet.node_agents.kernel import mention_of
from sentinel_node.diagnostics import catalogue
from sentinel_node.kernel import lines as real_lines
from sentinel_node.probes.catalogue import variants

WITHIN_S = 20.0
FACTS = [
    {"fail": {"node": "${node}", "gpu": "${gpu}", "sm": WRONG_SM, "at": "-1h", "share": 1.0, "bit": WRONG_BIT}},
]


@dataclass(frozen=True)
class Side:
    """One of the two services, and what its GPUs are called."""

    stub: Stub
    busy: str
    idle: str
    metadata: tuple[tuple[str, str], ...]

    async def answers(self, method: str, request: Message) -> list[Any]:
        """All messages of the answer, and at last the status where it is none of OK."""
        found: list[Any] = []
        try:
            call = getattr(self.stub, method)(request, timeout=WITHIN_S, metadata=self.metadata)
            if hasattr(call, "__aiter__"):
                async for message in call:
                    found.append(message)
            else:
                found.append(await call)
        except grpc.aio.AioRpcError as error:
            found.append(error.code().name)
        return found


Ask = Callable[[Side], Message]
Both = Callable[..., Any]


@pytest.fixture
def both(serve: Served) -> Both:
    """Both services, with the same permission and the same wrong SM."""

    @asynccontextmanager
    async def open_both(allowed: str = "light", *, known: bool = True) -> AsyncIterator[tuple[Side, Side]]:
        async with AsyncExitStack() as stack:
            agents = await stack.enter_async_context(serve(node_agents={"probes": allowed, "facts": FACTS}))
            mine = await stack.enter_async_context(agents.ask())
            real = await stack.enter_async_context(real_node(allowed))
            token = (("authorization", f"Bearer {TOKEN}"),)
            yield (
                Side(real, BUSY.uuid, IDLE.uuid, token if known else ()),
                Side(mine, agents.uuid(busy=True), agents.uuid(busy=False), agents.metadata if known else ()),
            )

    return open_both


def probe(**fields: Any) -> Ask:
    """A request of RunProbe, of the FMA probe on two SMs unless told otherwise."""
    gpu = fields.pop("gpu", "busy")
    wanted: dict[str, Any] = {"kind": pb.PROBE_KIND_FMA, "sm_ids": [WRONG_SM, 4], "seed": 7} | fields
    return lambda side: pb.ProbeRequest(gpu_uuid=getattr(side, gpu, gpu), **wanted)


REFUSED = {
    "no kind": probe(kind=0),
    "an unknown kind": probe(kind=99),
    "an unknown depth": probe(depth=9),
    "no GPU": probe(gpu=""),
    "an unknown GPU": probe(gpu="GPU-0"),
    "an SM twice": probe(sm_ids=[1, 1]),
    "an SM that no GPU has": probe(sm_ids=[70_000]),
    "a long variant": probe(variant="x" * 65),
    "an unknown variant": probe(variant="fp4"),
    "too many repetitions": probe(repetitions=2_000_000),
    "repetitions that count as deep": probe(repetitions=17),
    "a share of the memory": probe(kind=pb.PROBE_KIND_MEMORY, memory_share=0.5),
    "a share over 1": probe(kind=pb.PROBE_KIND_MEMORY, memory_share=1.5),
    "a share that is no number": probe(kind=pb.PROBE_KIND_MEMORY, memory_share=float("nan")),
    "a soak": probe(soak_seconds=10),
    "a soak longer than the deadline": probe(soak_seconds=90),
    "a deadline too long": probe(deadline_seconds=10_000),
    "a deep one": probe(depth=pb.PROBE_DEPTH_DEEP),
}


async def test_refuses_probes_by_the_same_codes(both):
    async with both() as sides:
        told = [
            {
                name: [_kind(one) for one in await side.answers("RunProbe", asked(side))]
                for name, asked in REFUSED.items()
            }
            for side in sides
        ]

    real, mine = told
    assert mine == real
    assert all(kinds[-1].isupper() for kinds in real.values())


@pytest.mark.parametrize(("allowed", "gpu"), [("off", "idle"), ("deep", "busy")])
async def test_lets_the_operator_and_a_workload_decide_alike(both, allowed, gpu):
    asked = probe(gpu=gpu, depth=pb.PROBE_DEPTH_DEEP if allowed == "deep" else 0)

    async with both(allowed) as (real, mine):
        codes = [(await side.answers("RunProbe", asked(side)))[-1] for side in (real, mine)]

    assert codes == ["FAILED_PRECONDITION"] * 2


RUN = {
    "FMA": probe(sm_ids=[WRONG_SM, 4, 500]),
    "one format": probe(kind=pb.PROBE_KIND_TENSOR_CORE, variant="bf16"),
    "TRANSCENDENTAL on the idle GPU": probe(kind=pb.PROBE_KIND_TRANSCENDENTAL, gpu="idle"),
}
MEMORY = probe(kind=pb.PROBE_KIND_MEMORY, variant="address", gpu="idle", sm_ids=[])


@pytest.mark.parametrize("asked", [*RUN.values(), pytest.param(MEMORY, marks=pytest.mark.slow)], ids=[*RUN, "MEMORY"])
async def test_runs_a_probe_in_the_same_shape(both, asked):
    async with both() as sides:
        theirs, ours = [await side.answers("RunProbe", asked(side)) for side in sides]

    assert (_kind(ours[0]), _kind(ours[-1])) == (_kind(theirs[0]), _kind(theirs[-1])) == ("accepted", "report")
    assert _findings(ours) == _findings(theirs)
    assert _plan(ours[0].accepted.plan) == _plan(theirs[0].accepted.plan) == _plan(ours[-1].report.plan)
    assert _report(ours[-1].report) == _report(theirs[-1].report)
    assert len({event.run_id for event in ours}) == 1


def _kind(told: Any) -> str:
    return told if isinstance(told, str) else str(told.WhichOneof("event"))


def _findings(told: list[Any]) -> set[tuple[object, ...]]:
    findings = [event.finding for event in told if _kind(event) == "finding"]
    return {
        (one.outcome, one.sm_id if one.HasField("sm_id") else None, one.variant, *_wrong(one), len(one.expected_hash))
        for one in findings
    }


def _wrong(finding: pb.ProbeFinding) -> tuple[object, ...]:
    if not finding.HasField("mismatch"):
        return (bool(finding.reason),)
    located = finding.mismatch
    assert finding.mismatch_bits >> WRONG_BIT & 1
    assert located.expected_value != located.actual_value
    return (bool(finding.mismatch_words), tuple(located.differing_bits), len(located.expected_value))


def _plan(plan: pb.ProbeRequest) -> tuple[object, ...]:
    return (plan.kind, plan.depth, plan.seed, plan.variant, tuple(plan.sm_ids), plan.deadline_seconds)


def _report(report: pb.ProbeReport) -> tuple[object, ...]:
    return (report.outcome, report.passed, report.failed, report.not_run)


READ = {
    "all telemetry": ("ReadTelemetry", lambda side: pb.TelemetryRequest()),
    "one GPU's": ("ReadTelemetry", lambda side: pb.TelemetryRequest(gpu_uuids=[side.idle])),
    "an unknown GPU's": ("ReadTelemetry", lambda side: pb.TelemetryRequest(gpu_uuids=["GPU-0"])),
    "a log with too many lines": ("ReadKernelLog", lambda side: pb.KernelLogRequest(limit=30_000)),
    "a log of no boot": ("ReadKernelLog", lambda side: pb.KernelLogRequest(boot_id="yesterday")),
    "a log that ends before it begins": ("ReadKernelLog", lambda side: _backwards(pb.KernelLogRequest())),
    "a log with an empty text": ("ReadKernelLog", lambda side: pb.KernelLogRequest(contains=[""])),
    "an unknown diagnostic": ("Diagnose", lambda side: pb.DiagnoseRequest(name="nvidia-smi; reboot")),
    "evidence that ends before it begins": ("CaptureEvidence", lambda side: _backwards(pb.EvidenceRequest())),
    "evidence for a long reason": ("CaptureEvidence", lambda side: pb.EvidenceRequest(reason="x" * 501)),
}


async def test_reads_and_refuses_to_read_alike(both):
    async with both() as sides:
        told = [
            {
                name: [_size(one) for one in await side.answers(method, asked(side))]
                for name, (method, asked) in READ.items()
            }
            for side in sides
        ]

    assert told[1] == told[0]


def _size(told: Any) -> object:
    return len(told.samples) if isinstance(told, pb.TelemetryReport) else told


def _backwards(request: Any) -> Any:
    request.since.FromSeconds(2000)
    request.until.FromSeconds(1000)
    return request


async def test_knows_nobody_without_a_token(both):
    requests: dict[str, Any] = {
        "DescribeNode": pb.DescribeNodeRequest(),
        "ReadTelemetry": pb.TelemetryRequest(),
        "RunProbe": probe(),
    }

    async with both(known=False) as sides:
        told = [
            await side.answers(name, asked if isinstance(asked, Message) else asked(side))
            for side in sides
            for name, asked in requests.items()
        ]

    assert told == [["UNAUTHENTICATED"]] * 6


async def test_describes_the_same_parts_and_permission(both):
    async with both("deep") as sides:
        told = [(await side.answers("DescribeNode", pb.DescribeNodeRequest()))[0] for side in sides]

    real, mine = ([(part.name, part.is_available) for part in one.parts] for one in told)
    assert mine == real
    assert {one.permission for one in told} == {pb.PROBE_PERMISSION_DEEP}
    assert {len(one.boot_id) for one in told} == {32}


async def test_gives_evidence_in_the_same_order(both):
    async with both() as sides:
        real, mine = [await side.answers("CaptureEvidence", pb.EvidenceRequest(reason="inc-1")) for side in sides]

    names = [[event.part.name for event in told if event.HasField("part")] for told in (real, mine)]
    assert names[1] == names[0]
    assert [part.name for part in mine[-1].manifest.parts] == names[1]
    assert (mine[-1].manifest.reason, real[-1].manifest.reason) == ("inc-1", "inc-1")
    content = b"".join(event.chunk.content for event in mine if event.chunk.name == "telemetry.json")
    assert sha256(content).digest() == next(e.part.sha256 for e in mine if e.part.name == "telemetry.json")


async def test_a_gpu_takes_one_probe_at_a_time(both):
    async with both() as sides:
        for side in sides:
            request = pb.ProbeRequest(kind=pb.PROBE_KIND_TENSOR_CORE, gpu_uuid=side.idle)
            call = side.stub.RunProbe(request, timeout=WITHIN_S, metadata=side.metadata)
            assert _kind(await call.read()) == "accepted"
            assert (await side.answers("RunProbe", request))[-1] == "RESOURCE_EXHAUSTED"
            call.cancel()


def test_names_the_same_diagnostics():
    assert {name: check.description for name, check in CHECKS.items()} == {
        name: check.description for name, check in catalogue.CHECKS.items()
    }


def test_runs_the_same_formats_by_itself():
    real = {(v.kind.name, v.name, v.deep.repetitions, v.since) for v in variants() if v.is_proven}

    assert {(kind, v.name, v.deep, v.since) for kind, of_kind in VARIANTS.items() for v in of_kind} == real


LINES = [
    "NVRM: Xid (PCI:0000:9b:00): 79, pid=1, name=x, GPU has fallen off the bus.",
    "NVRM: Xid (0000:9B:00): 13, pid=1, Graphics SM Warp Exception on (GPC 1, TPC 2, SM 0): Out Of Range Address",
    "NVRM: GPU at PCI:0000:17:00: GPU-1 has fallen off the bus.",
    "nvidia-nvswitch0: SXid (PCI:0000:c3:00.0): 12028, Non-fatal, Link 32 egress non-posted PRIV error",
    "nvidia-nvswitch0: SXid (PCI:0000:c3:00.0): 12028, Severity 0 Engine instance 32 Sub-engine instance 00",
    "nvidia-nvswitch0: SXid (PCI:0000:c3:00.0): 12028, Data {0x00140004, 0x00100000}",
    "pcieport 0000:15:01.0: AER: Corrected error message received from 0000:17:00.0",
    "pcieport 0000:15:01.0: AER: Multiple Uncorrectable (Non-Fatal) error message received from 0000:17:00.0",
    "pcieport 0000:15:01.0: AER: Uncorrected (Fatal) error received: 0000:17:00.0",
    "nvidia 0000:17:00.0: PCIe Bus Error: severity=Corrected, type=Physical Layer, (Receiver ID)",
    "nvidia 0000:17:00.0: AER: PCIe Bus Error: severity=Uncorrectable (Fatal), type=Transaction Layer",
    "mlx5_core 0000:1c:00.0: firmware version: 28.46.1006",
    "eth0: renamed from tmp6d41e75c",
]


@pytest.mark.parametrize("line", LINES)
def test_reads_the_same_out_of_a_line(line):
    real, mine = real_lines.mention_of(line), mention_of(line)

    assert (mine.xid, mine.sxid, mine.pci_bus_id, mine.aer, mine.is_off_bus) == (
        real.xid, real.sxid, real.pci_bus_id, real.aer, real.is_off_bus,
    )  # fmt: skip
