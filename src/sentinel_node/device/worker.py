"""The process in which one GPU is probed: it opens the GPU, carries out plans one after the other, and ends.

A process of its own, because a context that saw an error is of no more use, a launch that hangs holds its thread for
ever, and both end with the process. It ends by itself when the agent does, whatever it is doing: a thread looks for it.
"""

from __future__ import annotations

import contextlib
import os
import signal
import threading
import time
import traceback
from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum
from functools import partial
from multiprocessing.connection import Connection
from pathlib import Path

from sentinel_node.domain.errors import DeviceFailed, NodeError
from sentinel_node.domain.gpu import GpuIdentity
from sentinel_node.domain.probes import Outcome, ProbePlan, ProbeReport
from sentinel_node.domain.seams import Progress
from sentinel_node.probes import session
from sentinel_node.probes.catalogue import PROBES
from sentinel_node.probes.device import Device
from sentinel_node.probes.runner import Clocks, Runner

_LOOK_S = 1.0
OpenDevice = Callable[[GpuIdentity], Device]
"""Opens the GPU in the new process, so it must be a function that can be found there by its name."""


@dataclass(frozen=True, slots=True)
class Stop:
    """From the agent: nothing more is wanted of the plan that runs."""


@dataclass(frozen=True, slots=True)
class Failed:
    """To the agent: the plan could not be carried out at all."""

    error: NodeError


class Stage(StrEnum):
    """How far the process is with a plan, before its probe tells of progress itself."""

    STARTING = "starting"
    """Python starts; nothing was asked of the driver."""
    OPENING = "opening"
    """CUDA and the GPU are asked for a context."""
    PREPARING = "preparing"
    """Kernels are compiled and loaded."""
    RUNNING = "running"
    """The plan's time runs."""


@dataclass(frozen=True, slots=True)
class Reached:
    """To the agent: a stage begins."""

    stage: Stage
    sm_count: int = 0
    """From PREPARING on, for the GPU is open then."""
    is_proven: bool = True
    """Whether what hangs from here on would hang in a kernel that has passed on a GPU."""


Answer = Progress | ProbeReport | Failed | Reached


def work(connection: Connection, gpu: GpuIdentity, open_device: OpenDevice) -> None:
    """Everything this process does.

    Args:
        connection: Plans come in, each is answered by stages as they are reached, any number of `Progress`, and one
            `ProbeReport` or `Failed`.
        gpu: The one that is opened with the first plan.
        open_device: What opens it.
    """
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the terminal's Ctrl-C is the agent's to handle
    threading.Thread(target=_end_with, args=(os.getppid(),), name="agent-watch", daemon=True).start()
    os.environ["CUDA_VISIBLE_DEVICES"] = gpu.uuid
    runner = Runner(PROBES, Clocks(time.monotonic, time.time_ns))
    device: Device | None = None
    try:
        while True:
            plan = connection.recv()
            if isinstance(plan, Stop):  # it came after the report
                continue
            try:
                connection.send(Reached(Stage.OPENING))
                device = device or open_device(gpu)
                connection.send(Reached(Stage.PREPARING, device.sm_count))
                begun = partial(connection.send, Reached(Stage.RUNNING, device.sm_count, _is_proven(plan)))
                report = runner.run(plan, device, _Wanted(connection).is_over, _teller(connection), begun)
            except NodeError as error:
                connection.send(Failed(error))
                continue
            except Exception as error:  # noqa: BLE001 - the process's border: a fault of ours is told, and ends it
                connection.send(Failed(DeviceFailed(_told(error))))
                return
            connection.send(report)
            if is_spent(report):
                return
    except (EOFError, BrokenPipeError):
        return  # the agent is gone


def _end_with(agent_pid: int) -> None:
    """Leave as soon as the agent is gone; a probe that nobody asked for any more must not hold its GPU."""
    while os.getppid() == agent_pid:
        time.sleep(_LOOK_S)
    os._exit(1)


def _told(error: Exception) -> str:
    """What went wrong within us and where, in one line."""
    place = traceback.extract_tb(error.__traceback__)[-1]
    what = f"{type(error).__name__}: {error}"
    return f"the probe ended by a fault of its own, {what} ({Path(place.filename).name}, line {place.lineno})"


def is_spent(report: ProbeReport) -> bool:
    """Whether the context may have seen an error, after which a new process is needed."""
    return any(finding.outcome in (Outcome.ERROR, Outcome.TIMEOUT) for finding in report.findings)


class _Wanted:
    """Whether the agent still wants the plan, looked up between launches."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self._is_over = False

    def is_over(self) -> bool:
        """Whether it was stopped, or the agent is gone."""
        if not self._is_over and self._connection.poll():
            with contextlib.suppress(EOFError):
                self._connection.recv()
            self._is_over = True
        return self._is_over


def _teller(connection: Connection) -> Callable[[session.Progress], None]:
    def tell(progress: session.Progress) -> None:
        connection.send(Progress(progress.done, progress.total, progress.variant))

    return tell


def _is_proven(plan: ProbePlan) -> bool:
    """A plan that names no variant runs proven ones only."""
    return all(variant.is_proven for variant in PROBES[plan.kind].variants if variant.name == plan.variant)
