"""One run of one probe: the lease, the thread, the deadline, and a report whatever happens.

A GPU that hangs holds its thread for as long as it likes, and its lease with it, so nothing else is started there; the
run is given up all the same, and its report is a TIMEOUT. A fault of the probes' own code ends this run and no other.

A deep run needs a GPU that nobody computes on, by the same rule as one that somebody asks for. The driver is asked with
the lease held, right before the run; where it says no, or nothing, the run is light.
"""

from __future__ import annotations

import asyncio
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import replace

import structlog

from sentinel_node.device.idle_gpu import IdleGpus
from sentinel_node.domain.errors import DeviceTimeout, NodeError
from sentinel_node.domain.gpu import GpuIdentity
from sentinel_node.domain.probes import Depth, Finding, Outcome, ProbePlan, ProbeReport
from sentinel_node.scheduling.parts import Parts, Watch

log = structlog.get_logger(__name__)


class Running:
    """Runs the probes of one GPU, one at a time."""

    def __init__(self, gpu: GpuIdentity, parts: Parts, grace_s: float) -> None:
        self._gpu, self._parts, self._grace_s = gpu, parts, grace_s
        self._idle = IdleGpus(parts.read, lambda: parts.probe_pids() | {parts.own_pid}, parts.leases)
        self._watch: Watch | None = None
        """Of the run that is under way."""
        self._threads = ThreadPoolExecutor(1, thread_name_prefix=f"probe-{gpu.index}")

    def stop(self) -> None:
        """Have the run that is under way launch nothing more; it then ends with what it found."""
        if self._watch is not None:
            self._watch.stop()

    def close(self) -> None:
        """Take no more runs; does not wait for one that hangs."""
        self._threads.shutdown(wait=False, cancel_futures=True)

    async def run(self, plan: ProbePlan) -> ProbeReport:
        """Run a plan to its end, or until it is given up.

        Raises:
            Busy: somebody else's probe holds the GPU, or one of ours hangs on it.
            Unavailable: nobody can tell whether another process probes it.
        """
        self._parts.leases.take(plan.gpu_uuid, f"the schedule ({plan.kind})")
        watch = self._watch = Watch()
        try:
            plan = await self._light_unless_idle(plan)
            started_ns = self._parts.unix_ns()
            running = self._threads.submit(self._parts.prober.run, plan, watch)
        except BaseException:
            self._parts.leases.give_back(plan.gpu_uuid)
            raise
        running.add_done_callback(lambda _: self._parts.leases.give_back(plan.gpu_uuid))
        try:
            return await self._awaited(running, plan)
        except NodeError as error:
            outcome = Outcome.TIMEOUT if isinstance(error, DeviceTimeout) else Outcome.ERROR
            log.warning("probe.not_done", gpu=plan.gpu_uuid, probe=plan.kind, outcome=outcome, error=str(error))
            return self._without_findings(plan, outcome, str(error), started_ns)
        except Exception as error:  # the border of a run: other probes and other GPUs go on
            log.exception("probe.crashed", gpu=plan.gpu_uuid, probe=plan.kind)
            return self._without_findings(plan, Outcome.ERROR, f"the probe itself failed: {error!r}", started_ns)
        finally:
            watch.stop()

    async def _light_unless_idle(self, plan: ProbePlan) -> ProbePlan:
        """The plan; in place of a deep one a light one where somebody else computes on the GPU or nobody can tell."""
        try:
            await self._idle.check(plan)
        except NodeError as error:
            log.info("probe.runs_light", gpu=plan.gpu_uuid, probe=plan.kind, reason=str(error))
        except Exception:  # the border of a reading: a driver's surprise is no leave to take the GPU, nor the run's end
            log.exception("probe.runs_light", gpu=plan.gpu_uuid, probe=plan.kind)
        else:
            return plan
        return replace(plan, depth=Depth.LIGHT)

    async def _awaited(self, running: Future[ProbeReport], plan: ProbePlan) -> ProbeReport:
        within_s = plan.deadline_s + self._grace_s
        waiting = asyncio.wrap_future(running)
        try:
            done, _ = await asyncio.wait((waiting,), timeout=within_s)
        finally:
            # Only what has not begun is cancelled by this; of what goes on in its thread nobody wants to hear any more.
            waiting.cancel()
        if not done:
            raise DeviceTimeout(f"nothing came back within {within_s:g} s; the launch may hang on the GPU")
        return running.result()

    def _without_findings(self, plan: ProbePlan, outcome: Outcome, reason: str, started_ns: int) -> ProbeReport:
        return ProbeReport(
            plan=plan,
            findings=(Finding(outcome, None, plan.variant, reason=reason),),
            sms_present=0,
            started_unix_ns=started_ns,
            ended_unix_ns=self._parts.unix_ns(),
        )
