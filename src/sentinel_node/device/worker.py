"""The process in which one GPU is probed: it opens the GPU, carries out plans one after the other, and ends.

A process of its own, because a context that saw an error is of no more use, a launch that hangs holds its thread for
ever, and both end with the process. It ends by itself when the agent does, for its pipe is then closed.
"""

from __future__ import annotations

import contextlib
import os
import signal
import time
from collections.abc import Callable
from dataclasses import dataclass
from multiprocessing.connection import Connection

from sentinel_node.domain.errors import NodeError
from sentinel_node.domain.gpu import GpuIdentity
from sentinel_node.domain.probes import Outcome, ProbeReport
from sentinel_node.domain.seams import Progress
from sentinel_node.probes import session
from sentinel_node.probes.catalogue import PROBES
from sentinel_node.probes.device import Device
from sentinel_node.probes.runner import Clocks, Runner

OpenDevice = Callable[[GpuIdentity], Device]
"""Opens the GPU in the new process, so it must be a function that can be found there by its name."""


@dataclass(frozen=True, slots=True)
class Stop:
    """From the agent: nothing more is wanted of the plan that runs."""


@dataclass(frozen=True, slots=True)
class Failed:
    """To the agent: the plan could not be carried out at all."""

    error: NodeError


Answer = Progress | ProbeReport | Failed


def work(connection: Connection, gpu: GpuIdentity, open_device: OpenDevice) -> None:
    """Everything this process does.

    Args:
        connection: Plans come in, each is answered by any number of `Progress` and one `ProbeReport` or `Failed`.
        gpu: The one that is opened with the first plan.
        open_device: What opens it.
    """
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the terminal's Ctrl-C is the agent's to handle
    os.environ["CUDA_VISIBLE_DEVICES"] = gpu.uuid
    runner = Runner(PROBES, Clocks(time.monotonic, time.time_ns))
    device: Device | None = None
    try:
        while True:
            plan = connection.recv()
            if isinstance(plan, Stop):  # it came after the report
                continue
            try:
                device = device or open_device(gpu)
                report = runner.run(plan, device, _Wanted(connection).is_over, _teller(connection))
            except NodeError as error:
                connection.send(Failed(error))
                continue
            connection.send(report)
            if is_spent(report):
                return
    except (EOFError, BrokenPipeError):
        return  # the agent is gone


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
