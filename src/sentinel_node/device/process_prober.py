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
_NOTE_S, _NOTED_AFTER = 0.02, 10


@dataclass(frozen=True, slots=True)
class Patience:
    """How long is waited."""

    opening_s: float = 60.0
    """Beyond a plan's deadline, for starting Python and opening the GPU: seconds on a healthy machine."""
    keep_s: float = 2.0
    """How long an idle process stays."""


class _Worker:
    """A process and our end of its pipe."""

    def __init__(self, process: SpawnProcess, connection: Connection) -> None:
        self.process = process
        self.connection = connection
        self.retiring: threading.Timer | None = None

    @property
    def exit_code(self) -> int | None:
        """How it ended; None while it lives. Waits a moment: another thread may be just about to note it."""
        for _ in range(_NOTED_AFTER):
            if (code := self.process.exitcode) is not None:
                return code
            time.sleep(_NOTE_S)
        return None

    def end(self, *, kill: bool = False) -> bool:
        """Let it end, or make it; whether it is gone."""
        self.connection.close()
        for is_killed in (False, True):
            if is_killed or kill:
                self.process.kill()
            self.process.join(_ENDING_S)
            if self.exit_code is not None:
                return True
        return False


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
        self._running: dict[str, _Worker] = {}
        self._stuck: dict[str, _Worker] = {}

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
        try:
            answer = self._carried_out(plan, worker, watch)
        except BaseException:
            self._ended(plan.gpu_uuid, worker, kill=True)
            raise
        if isinstance(answer, ProbeReport) and not is_spent(answer):
            self._keep(plan.gpu_uuid, worker)
            return answer
        finding = None if isinstance(answer, (ProbeReport, Failed)) else _silence(plan, worker, answer)
        self._ended(plan.gpu_uuid, worker, kill=finding is not None)
        if isinstance(answer, Failed):
            raise answer.error
        if isinstance(answer, ProbeReport):
            return answer
        assert finding is not None  # noqa: S101 - for the type checker
        log.warning("probe.process_lost", gpu_uuid=plan.gpu_uuid, outcome=finding.outcome, reason=finding.reason)
        return ProbeReport(plan, (finding,), 0, started_unix_ns, time.time_ns())

    def release(self, gpu_uuid: str) -> None:
        """End the process that is kept for a GPU, so that none of ours holds it; nothing where none is."""
        if worker := self._taken(gpu_uuid):
            self._ended(gpu_uuid, worker)

    @staticmethod
    def own_pids() -> frozenset[int]:
        """Processes in which we probe now or have just probed: they hold GPUs, and are no tenants."""
        return frozenset(child.pid for child in multiprocessing.active_children() if child.pid is not None)

    def close(self) -> None:
        """End all that are kept, and kill what runs: its plan then ends in an ERROR."""
        for gpu_uuid in tuple(self._idle):
            self.release(gpu_uuid)
        with self._lock:
            running = tuple(self._running.values())
        for worker in running:
            worker.process.kill()

    def _carried_out(self, plan: ProbePlan, worker: _Worker, watch: ProbeWatch) -> ProbeReport | Failed | Outcome:
        """What it answered; ERROR where it is gone, TIMEOUT where it is late."""
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
            return Outcome.ERROR
        return Outcome.TIMEOUT

    def _started(self, gpu: GpuIdentity) -> _Worker:
        ours, theirs = self._context.Pipe()
        name = f"probe-{gpu.index}"
        process = self._context.Process(target=work, args=(theirs, gpu, self._open), name=name, daemon=True)
        process.start()
        theirs.close()
        worker = _Worker(process, ours)
        with self._lock:
            self._running[gpu.uuid] = worker
        return worker

    def _keep(self, gpu_uuid: str, worker: _Worker) -> None:
        worker.retiring = threading.Timer(self._patience.keep_s, self._retire, (gpu_uuid, worker))
        worker.retiring.daemon = True
        with self._lock:
            self._running.pop(gpu_uuid, None)
            self._idle[gpu_uuid] = worker
        worker.retiring.start()

    def _ended(self, gpu_uuid: str, worker: _Worker, *, kill: bool = False) -> None:
        """Let a process end, or make it, and remember one that does not."""
        with self._lock:
            if self._running.get(gpu_uuid) is worker:
                del self._running[gpu_uuid]
        if not worker.end(kill=kill):
            self._stuck[gpu_uuid] = worker
            log.error("probe.process_stuck", gpu_uuid=gpu_uuid, pid=worker.process.pid)

    def _taken(self, gpu_uuid: str) -> _Worker | None:
        """The process that is kept for a GPU, which is the caller's from now on."""
        with self._lock:
            worker = self._idle.pop(gpu_uuid, None)
        if worker is None:
            return None
        if worker.retiring is not None:
            worker.retiring.cancel()
        if worker.process.is_alive():
            with self._lock:
                self._running[gpu_uuid] = worker
            return worker
        self._ended(gpu_uuid, worker)
        return None

    def _retire(self, gpu_uuid: str, worker: _Worker) -> None:
        with self._lock:
            if self._idle.get(gpu_uuid) is not worker:
                return
            del self._idle[gpu_uuid]
        self._ended(gpu_uuid, worker)

    def _check_not_stuck(self, gpu_uuid: str) -> None:
        worker = self._stuck.get(gpu_uuid)
        if worker is None:
            return
        if worker.exit_code is None:
            raise Unavailable(
                f"GPU {gpu_uuid!r}: an earlier probe's process {worker.process.pid} was killed and does not end, so it"
                " is stuck in the driver; the GPU needs a reset, or the node a reboot"
            )
        del self._stuck[gpu_uuid]


def _silence(plan: ProbePlan, worker: _Worker, outcome: Outcome) -> Finding:
    """What is said of a plan whose process gave no answer."""
    pid = worker.process.pid
    if outcome is Outcome.TIMEOUT:
        reason = f"the probe's process {pid} gave no answer within {plan.deadline_s:g} s and was killed"
        return Finding(outcome, None, plan.variant, reason)
    worker.process.join(_ENDING_S)
    code = worker.exit_code
    how = (
        "closed its pipe"
        if code is None
        else f"ended by signal {-code}"
        if code < 0
        else f"ended with exit code {code}"
    )
    return Finding(outcome, None, plan.variant, f"the probe's process {pid} {how}")
