"""Runs each plan in a process of its GPU, and answers for it whatever becomes of that process.

A plan that was accepted ends in a report in every case. Where the process died, the report says so as an ERROR. Where
it did not come back in time, it is killed, and what it was doing decides: a GPU that does not open, or does not end
what was launched, is a TIMEOUT; a host too slow to start Python or to compile kernels is no fault of the GPU, so that
is NOT_RUN (`plan_run.py`). A process that outlives even its end is stuck in the driver; its GPU takes no more probes
until it is gone.

A process that did well is kept for a moment, so that several plans in a row share a start of a second or so. It is not
kept longer, because an open context takes memory from tenants, keeps a GPU from being reset, and looks like somebody
who computes.
"""

from __future__ import annotations

import multiprocessing
import threading
import time
from collections.abc import Callable

import structlog

from sentinel_node.device.plan_run import Patience, PlanRun, ProbeProcess
from sentinel_node.device.worker import Failed, OpenDevice, is_spent, work
from sentinel_node.domain.errors import NotFound, Unavailable
from sentinel_node.domain.gpu import GpuIdentity
from sentinel_node.domain.probes import Finding, ProbePlan, ProbeReport
from sentinel_node.domain.seams import ProbeWatch

__all__ = ["Patience", "ProcessProber"]

log = structlog.get_logger(__name__)


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
        self._idle: dict[str, ProbeProcess] = {}
        self._running: dict[str, ProbeProcess] = {}
        self._stuck: dict[str, ProbeProcess] = {}
        self._sm_counts: dict[str, int] = {}
        """Of GPUs that were opened before: a report of one that hangs says to whom it belongs."""

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
        run = PlanRun(plan, worker, self._patience)
        try:
            answer = run.carried_out(watch)
        except BaseException:
            self._ended(plan.gpu_uuid, worker, kill=True)
            raise
        if run.sm_count:
            self._sm_counts[gpu.uuid] = run.sm_count
        if isinstance(answer, ProbeReport) and not is_spent(answer):
            self._keep(plan.gpu_uuid, worker)
            return answer
        self._ended(plan.gpu_uuid, worker, kill=isinstance(answer, Finding))
        if isinstance(answer, Failed):
            raise answer.error
        if isinstance(answer, ProbeReport):
            return answer
        log.warning("probe.process_lost", gpu_uuid=gpu.uuid, outcome=answer.outcome, reason=answer.reason)
        sm_count = self._sm_counts.get(gpu.uuid, gpu.sm_count)
        return ProbeReport(plan, (answer,), sm_count, started_unix_ns, time.time_ns())

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

    def _started(self, gpu: GpuIdentity) -> ProbeProcess:
        ours, theirs = self._context.Pipe()
        name = f"probe-{gpu.index}"
        process = self._context.Process(target=work, args=(theirs, gpu, self._open), name=name, daemon=True)
        process.start()
        theirs.close()
        worker = ProbeProcess(process, ours)
        with self._lock:
            self._running[gpu.uuid] = worker
        return worker

    def _keep(self, gpu_uuid: str, worker: ProbeProcess) -> None:
        worker.retiring = threading.Timer(self._patience.keep_s, self._retire, (gpu_uuid, worker))
        worker.retiring.daemon = True
        with self._lock:
            self._running.pop(gpu_uuid, None)
            self._idle[gpu_uuid] = worker
        worker.retiring.start()

    def _ended(self, gpu_uuid: str, worker: ProbeProcess, *, kill: bool = False) -> None:
        """Let a process end, or make it, and remember one that does not."""
        with self._lock:
            if self._running.get(gpu_uuid) is worker:
                del self._running[gpu_uuid]
        if not worker.end(kill=kill):
            self._stuck[gpu_uuid] = worker
            log.error("probe.process_stuck", gpu_uuid=gpu_uuid, pid=worker.process.pid)

    def _taken(self, gpu_uuid: str) -> ProbeProcess | None:
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

    def _retire(self, gpu_uuid: str, worker: ProbeProcess) -> None:
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
