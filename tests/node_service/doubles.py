"""A machine that does what a test says: a prober that stops at each launch, readers with given answers."""

from __future__ import annotations

import threading
from dataclasses import dataclass, field

from sentinel_node.domain.access import AccessRules, Caller, Role, token_digest
from sentinel_node.domain.diagnosis import Diagnosis, Observation, Status
from sentinel_node.domain.errors import NotFound
from sentinel_node.domain.gpu import GpuIdentity
from sentinel_node.domain.kernel import KernelPage, KernelQuery, KernelRecord
from sentinel_node.domain.probes import Finding, Mismatch, Outcome, ProbePlan, ProbeReport
from sentinel_node.domain.processes import HostProcess
from sentinel_node.domain.seams import DiagnosticName, ProbeWatch, Progress
from sentinel_node.domain.telemetry import EccErrors, GpuSample, MemoryErrors

NOW_NS = 1_800_000_000_123_456_789
BOOT = "0123456789abcdef0123456789abcdef"
GPU = GpuIdentity(
    "GPU-11111111-0000-0000-0000-000000000001",
    0,
    "0000:9b:00.0",
    "H200",
    serial="1650",
    driver_version="590.1",
    vbios_version="96.00",
    memory_bytes=141 << 30,
    compute_capability=(9, 0),
)
OTHER = GpuIdentity("GPU-22222222-0000-0000-0000-000000000002", 1, "0000:bb:00.0", "H200", compute_capability=(9, 0))
MIG = GpuIdentity("GPU-33333333-0000-0000-0000-000000000003", 2, "0000:cb:00.0", "H200", is_partitioned=True)
WITHIN_S = 20.0
READER, PROBER = frozenset({Role.READER}), frozenset({Role.PROBER})
RULES = AccessRules(
    {"gcm-sentinel": READER | PROBER, "spiffe://site/reader": READER},
    {token_digest("ada's"): Caller("ada", READER), token_digest("robot's"): Caller("robot", PROBER)},
)


@dataclass
class SteppedProber:
    """Runs three launches of two SMs; each waits until the test lets it go, if the test holds it."""

    launches: int = 3
    held: bool = False
    reached: threading.Event = field(default_factory=threading.Event)
    """The first launch is under way."""
    go: threading.Event = field(default_factory=threading.Event)
    ended: threading.Event = field(default_factory=threading.Event)
    plans: list[ProbePlan] = field(default_factory=list)
    launched: int = 0
    watch: ProbeWatch | None = None
    """Of the newest run."""
    fails: Exception | None = None

    def gpus(self) -> tuple[GpuIdentity, ...]:
        return (GPU, OTHER, MIG)

    def run(self, plan: ProbePlan, watch: ProbeWatch) -> ProbeReport:
        self.plans.append(plan)
        self.watch = watch
        try:
            findings = tuple(self._findings(plan, watch))
        finally:
            self.ended.set()
        return ProbeReport(plan, findings, 2, NOW_NS, NOW_NS + 10**9, 1980, 45.5, 310.25, ("fp8 left out",))

    def _findings(self, plan: ProbePlan, watch: ProbeWatch):
        for number in range(self.launches):
            if watch.is_stopped:
                yield Finding(Outcome.NOT_RUN, number, plan.variant, reason="stopped")
                continue
            self.launched += 1
            self.reached.set()
            if self.held and not self.go.wait(WITHIN_S):
                raise AssertionError("the test never let the launch go")
            if self.fails is not None:
                raise self.fails
            finding = wrong(number) if number == 1 else Finding(Outcome.PASS, number, "fp32", duration_ns=5)
            watch.found(finding)
            watch.progressed(Progress(number + 1, self.launches, "fma fp32"))
            yield finding


def wrong(sm: int) -> Finding:
    """A FAIL on one SM."""
    mismatch = Mismatch(16, b"\x01\x00\x00\x00", b"\x03\x00\x00\x00", (1,), device_address=0x7F00_0000_1000)
    return Finding(Outcome.FAIL, sm, "fp32", "", b"e" * 32, b"a" * 32, mismatch, 7, 0x8000_0002, 64, 12345)


def sample(gpu: GpuIdentity = GPU, **values) -> GpuSample:
    """A reading in which the driver tells little."""
    none = EccErrors(None, None)
    errors = MemoryErrors(EccErrors(0, 3), none, none, none, has_remap_failed=False)
    return GpuSample(gpu, NOW_NS, errors, temperature_c=41.0, power_w=0.0, **values)


@dataclass
class GivenTelemetry:
    """Says what it was given, or fails."""

    given: tuple[GpuSample, ...] = (sample(), sample(OTHER))
    fails: Exception | None = None
    hangs: threading.Event | None = None

    def samples(self) -> tuple[GpuSample, ...]:
        if self.hangs is not None:
            self.hangs.wait(WITHIN_S)
        if self.fails is not None:
            raise self.fails
        return self.given


def line(sequence: int, message: str = "NVRM: Xid (PCI:0000:9b:00): 79, GPU has fallen off the bus.") -> KernelRecord:
    """An Xid line."""
    return KernelRecord(
        BOOT, sequence, sequence * 1000, NOW_NS + sequence, 3, message, "kmsg", xid=79, pci_bus_id="0000:9b:00.0"
    )


@dataclass
class GivenLog:
    """Has the lines it was given."""

    lines: tuple[KernelRecord, ...] = (line(1), line(2))
    asked: list[KernelQuery] = field(default_factory=list)
    fails: Exception | None = None

    def read(self, query: KernelQuery) -> KernelPage:
        self.asked.append(query)
        if self.fails is not None:
            raise self.fails
        return KernelPage(self.lines, (BOOT,), True, lost_lines=4, missing=("no persistent journal",))


class GivenDiagnostics:
    """Has two names."""

    def names(self) -> tuple[DiagnosticName, ...]:
        return (
            DiagnosticName("driver", "Which driver is loaded."),
            DiagnosticName("pcie_links", "How wide links are."),
        )

    def diagnose(self, name: str) -> Diagnosis:
        if name not in ("driver", "pcie_links"):
            raise NotFound(f"there is no diagnostic {name!r}")
        seen = (Observation(Status.OK, "node", "fine"), Observation(Status.BAD, GPU.uuid, "narrow"))
        return Diagnosis(name, seen, NOW_NS, 5_000_000)


class GivenProcesses:
    """Knows one process."""

    def describe(self, pids: tuple[int, ...]) -> tuple[HostProcess, ...]:
        return tuple(HostProcess(pid, "python3", 1000, NOW_NS, "/kubepods/pod7") for pid in pids)
