"""Builds the machine's parts from what is here. What is missing is said, and the rest is served all the same.

Nothing is asked of a driver or a GPU yet: a part that is there but does not answer says so when it is asked, and may
answer later, when a driver was installed below us.
"""

from __future__ import annotations

import importlib.util
import os
import socket
import tempfile
import time
from collections.abc import Awaitable, Callable
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

import structlog

from sentinel_node.app.settings import Settings
from sentinel_node.app.software import SoftwareTelemetry, Used
from sentinel_node.device.locks import FOLDER, GpuLocks
from sentinel_node.device.opening import OpenGpu, OpenSoftware, software_gpus
from sentinel_node.device.process_prober import ProcessProber
from sentinel_node.diagnostics import catalogue
from sentinel_node.diagnostics import machine as diagnosed
from sentinel_node.domain.errors import NodeError, Unavailable
from sentinel_node.domain.kernel import KernelQuery
from sentinel_node.domain.leases import Leases
from sentinel_node.domain.seams import Diagnostics, Prober, Processes, Telemetry
from sentinel_node.domain.telemetry import GpuSample
from sentinel_node.kernel.journal import Journal
from sentinel_node.kernel.log import KernelLog as MachinesLog
from sentinel_node.kernel.processes import ProcessFiles
from sentinel_node.nvml.reader import NvmlReader
from sentinel_node.service.evidence import Sources
from sentinel_node.service.node_service import Machine, Node
from sentinel_node.service.part import Part
from sentinel_node.service.probe_messages import Deadlines
from sentinel_serving.release import version

log = structlog.get_logger(__name__)

_BOOT_ID = Path("/proc/sys/kernel/random/boot_id")
_NOTHING = KernelQuery(since_unix_ns=2**62, limit=1)
"""A time that no line has: opens what there is and reads nothing."""
_NO_CUPY = "CuPy is not installed: probes need gcm-sentinel with the extra cuda12 or cuda13, as the driver's version is"
_READ_S = 20.0
"""Readers have deadlines of their own, 10 s for the driver and twice 6 s for the journal; this is for what hangs."""

Thing = TypeVar("Thing")


@dataclass(frozen=True, slots=True)
class Seams:
    """What this machine has; None for what it has not."""

    prober: Prober | None
    telemetry: Telemetry
    kernel_log: MachinesLog
    diagnostics: Diagnostics | None
    processes: Processes


def seams_of(settings: Settings, opened: ExitStack, faults: tuple[object, ...] = ()) -> Seams:
    """The seams; `opened` closes them."""
    log = MachinesLog(Journal(settings.journal_dir))
    opened.callback(log.close)
    if settings.software_gpus:
        count = settings.software_gpus
        prober = ProcessProber(lambda: software_gpus(count), OpenSoftware(faults))
        opened.callback(prober.close)
        used = Used(prober)
        return Seams(used, SoftwareTelemetry(count, used.utilization_pct), log, None, ProcessFiles())
    reader = NvmlReader()
    opened.callback(_closed, reader.close)
    real = _real_prober(reader, opened) if importlib.util.find_spec("cupy") else None
    checks = catalogue.NamedChecks(diagnosed.Machine(reader))
    return Seams(real, reader, log, checks, ProcessFiles())


def _real_prober(reader: NvmlReader, opened: ExitStack) -> ProcessProber:
    kernels = Path(opened.enter_context(tempfile.TemporaryDirectory(prefix="sentinel-node-kernels-")))
    prober = ProcessProber(reader.identities, OpenGpu(kernels))
    opened.callback(prober.close)
    return prober


def machine_of(settings: Settings, seams: Seams) -> Machine:
    """The machine that the service answers from."""
    sources = Sources(
        kernel_log=_part("kernel_log", seams.kernel_log),
        telemetry=_part("telemetry", seams.telemetry),
        diagnostics=_part("diagnostics", seams.diagnostics, "GPUs in software have none"),
        processes=_part("processes", seams.processes),
    )
    return Machine(
        node=Node(node_name(settings), version(), boot_id()),
        prober=_part("probes", seams.prober, _NO_CUPY),
        sources=sources,
        leases=Leases(locks_of(settings)),
        allowed=settings.probes,
        deadlines=Deadlines(settings.probe_deadline_seconds, settings.probe_deadline_longest_seconds),
        now_ns=time.time_ns,
    )


def locks_of(settings: Settings) -> GpuLocks | None:
    """Locks of the machine's GPUs; None for GPUs in software, of which every process has its own."""
    return None if settings.software_gpus else GpuLocks(settings.state_dir / FOLDER)


async def look(machine: Machine) -> tuple[GpuSample, ...]:
    """Ask every part something small once, so that each knows what it lacks; gives the GPUs, if anybody tells."""
    sources = machine.sources
    samples = await _looked(sources.telemetry.ask(lambda telemetry: telemetry.samples()))
    await _looked(machine.prober.ask(lambda prober: prober.gpus()))
    await _looked(sources.kernel_log.ask(lambda log: log.read(_NOTHING)))
    await _looked(sources.diagnostics.ask(lambda diagnostics: diagnostics.names()))
    return samples or ()


async def _looked(asked: Awaitable[Thing]) -> Thing | None:
    try:
        return await asked
    except Unavailable:  # the part keeps the words
        return None
    except Exception:  # the border of a first look: what surprises us in one part keeps no other from being served
        log.exception("node.look_failed")
        return None


def own_pids() -> frozenset[int]:
    """This process and those of its probes."""
    return frozenset({os.getpid()}) | ProcessProber.own_pids()


def node_name(settings: Settings) -> str:
    """How this node calls itself."""
    return settings.node_name or socket.gethostname()


def boot_id() -> str:
    """As the kernel says it, without dashes; empty where it does not."""
    try:
        return _BOOT_ID.read_text("ascii").strip().replace("-", "")
    except OSError:
        return ""


def _part(name: str, thing: Thing | None, missing: str = "") -> Part[Thing]:
    return Part(name, thing, missing=missing, deadline_s=_READ_S)


def _closed(close: Callable[[], None]) -> None:
    """A driver that hangs at the end keeps nobody from ending."""
    try:
        close()
    except NodeError:  # it said so while it was read
        return
