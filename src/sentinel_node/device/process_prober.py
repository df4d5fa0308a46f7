"""Runs each plan in a process of its GPU, and answers for it whatever becomes of that process.

A plan that was accepted ends in a report in every case: where the process died, the report says so as an ERROR, where
it did not come back in time, as a TIMEOUT, and the process is killed. One that outlives even that is stuck in the
driver; its GPU takes no more probes until it is gone.

A process that did well is kept for a moment, so that several plans in a row share a start of a second or so. It is not
kept longer, because an open context takes memory from tenants, keeps a GPU from being reset, and looks like somebody
who computes.
"""

from __future__ import annotations

import multiprocessing
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from multiprocessing.connection import Connection
from multiprocessing.context import SpawnProcess

import structlog

from sentinel_node.device.worker import Answer, Failed, OpenDevice, Stop, is_spent, work
from sentinel_node.domain.errors import NotFound, Unavailable
from sentinel_node.domain.gpu import GpuIdentity
from sentinel_node.domain.probes import Finding, Outcome, ProbePlan, ProbeReport
from sentinel_node.domain.seams import ProbeWatch, Progress

log = structlog.get_logger(__name__)

_POLL_S = 0.1
_ENDING_S = 5.0
"""For a process that was told to end, or killed, to be gone."""


@dataclass(frozen=True, slots=True)
class Patience:
    """How long is waited."""

    opening_s: float = 60.0
    """Beyond a plan's deadline, for starting Python and opening the GPU: seconds on a healthy machine."""
    keep_s: float = 2.0
    """How long an idle process stays."""


@dataclass(slots=True)
class _Worker:
    process: SpawnProcess
    connection: Connection
    retiring: threading.Timer | None = None

    def end(self, *, kill: bool = False) -> bool:
        """Let it end, or make it; whether it is gone."""
        self.connection.close()
        if kill:
            self.process.kill()
        self.process.join(_ENDING_S)
        if self.process.is_alive() and not kill:
            self.process.kill()
            self.process.join(_ENDING_S)
        return not self.process.is_alive()


class ProcessProber:
    """A `Prober` over real GPUs, or software ones. Plans for different GPUs may run at once, from different threads."""

    def __init__(
        self,
        gpus: Callable[[], tuple[GpuIdentity, ...]],
        open_device: OpenDevice,
        patience: Patience | None = None,
    ) -> None:
        """Start nothing yet.

        Args:
            gpus: Which there are; raises `Unavailable` where there is no driver.
            open_device: Opens one of them, in its process.
            patience: How long is waited.
        """
        self._gpus = gpus
        self._open = open_device
        self._patience = patience or Patience()
        self._context = multiprocessing.get_context("spawn")
        self._lock = threading.Lock()
        self._idle: dict[str, _Worker] = {}
        self._stuck: dict[str, SpawnProcess] = {}

    def gpus(self) -> tuple[GpuIdentity, ...]:
        """See `Prober`."""
        return self._gpus()

    def run(self, plan: ProbePlan, watch: ProbeWatch) -> ProbeReport:
        """See `Prober`.

        Raises:
            Unavailable: besides what `Prober` says, a process from before is stuck in the driver.
        """
        gpu = next((gpu for gpu in self._gpus() if gpu.uuid == plan.gpu_uuid), None)
        if gpu is None:
            raise NotFound(f"there is no GPU {plan.gpu_uuid!r} here")
        self._check_not_stuck(plan.gpu_uuid)
        started_unix_ns = time.time_ns()
        worker = self._taken(plan.gpu_uuid) or self._started(gpu)
        answer = self._carried_out(plan, worker, watch)
        if isinstance(answer, ProbeReport) and not is_spent(answer):
            self._keep(plan.gpu_uuid, worker)
            return answer
        is_answer = isinstance(answer, (ProbeReport, Failed))
        exit_code = worker.process.exitcode
        if not worker.end(kill=not is_answer):
            self._stuck[plan.gpu_uuid] = worker.process
            log.error("probe.process_stuck", gpu_uuid=plan.gpu_uuid, pid=worker.process.pid)
        if isinstance(answer, Failed):
            raise answer.error
        if isinstance(answer, ProbeReport):
            return answer
        finding = _silence(plan, worker.process, exit_code)
        log.warning("probe.process_lost", gpu_uuid=plan.gpu_uuid, outcome=finding.outcome, reason=finding.reason)
        return ProbeReport(plan, (finding,), 0, started_unix_ns, time.time_ns())

    def release(self, gpu_uuid: str) -> None:
        """End the process that is kept for a GPU, so that none of ours holds it; nothing where none is."""
        if worker := self._taken(gpu_uuid):
            worker.end()

    @staticmethod
    def own_pids() -> frozenset[int]:
        """Processes in which we probe now or have just probed: they hold GPUs, and are no tenants."""
        return frozenset(child.pid for child in multiprocessing.active_children() if child.pid is not None)

    def close(self) -> None:
        """End all that are kept. What runs ends with its plan, or with the agent."""
        for gpu_uuid in tuple(self._idle):
            self.release(gpu_uuid)

    def _carried_out(self, plan: ProbePlan, worker: _Worker, watch: ProbeWatch) -> ProbeReport | Failed | None:
        """What it answered; None where it is gone, or late."""
        ends = time.monotonic() + plan.deadline_s + self._patience.opening_s
        was_stopped = False
        try:
            worker.connection.send(plan)
            while time.monotonic() < ends:
                if watch.is_stopped and not was_stopped:
                    worker.connection.send(Stop())
                    was_stopped = True
                if not worker.connection.poll(_POLL_S):
                    continue
                answer: Answer = worker.connection.recv()
                if not isinstance(answer, Progress):
                    return answer
                watch.progressed(answer)
        except (EOFError, BrokenPipeError, ConnectionResetError):
            worker.process.join(_ENDING_S)
        return None

    def _started(self, gpu: GpuIdentity) -> _Worker:
        ours, theirs = self._context.Pipe()
        name = f"probe-{gpu.index}"
        process = self._context.Process(target=work, args=(theirs, gpu, self._open), name=name, daemon=True)
        process.start()
        theirs.close()
        return _Worker(process, ours)

    def _keep(self, gpu_uuid: str, worker: _Worker) -> None:
        worker.retiring = threading.Timer(self._patience.keep_s, self._retire, (gpu_uuid, worker))
        worker.retiring.daemon = True
        with self._lock:
            self._idle[gpu_uuid] = worker
        worker.retiring.start()

    def _taken(self, gpu_uuid: str) -> _Worker | None:
        """The process that is kept for a GPU, which is the caller's from now on."""
        with self._lock:
            worker = self._idle.pop(gpu_uuid, None)
        if worker is None:
            return None
        if worker.retiring is not None:
            worker.retiring.cancel()
        if worker.process.is_alive():
            return worker
        worker.end()
        return None

    def _retire(self, gpu_uuid: str, worker: _Worker) -> None:
        with self._lock:
            if self._idle.get(gpu_uuid) is not worker:
                return
            del self._idle[gpu_uuid]
        worker.end()

    def _check_not_stuck(self, gpu_uuid: str) -> None:
        process = self._stuck.get(gpu_uuid)
        if process is None:
            return
        if process.is_alive():
            raise Unavailable(
                f"GPU {gpu_uuid!r}: an earlier probe's process {process.pid} was killed and does not end, so it is"
                " stuck in the driver; the GPU needs a reset, or the node a reboot"
            )
        del self._stuck[gpu_uuid]


def _silence(plan: ProbePlan, process: SpawnProcess, exit_code: int | None) -> Finding:
    """What is said of a plan whose process gave no answer."""
    ended = process.exitcode if exit_code is None else exit_code
    if exit_code is None:
        reason = f"the probe's process {process.pid} gave no answer within {plan.deadline_s:g} s and was killed"
        return Finding(Outcome.TIMEOUT, None, plan.variant, reason)
    how = f"by signal {-ended}" if ended is not None and ended < 0 else f"with exit code {ended}"
    return Finding(Outcome.ERROR, None, plan.variant, f"the probe's process {process.pid} ended {how}")
