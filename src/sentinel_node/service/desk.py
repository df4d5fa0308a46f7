"""Where probes are asked for: whether one may run, on which GPU, and how its caller hears of it.

The GPU stays held until the probe's thread has really ended. A caller who leaves stops the probe before its next
launch, and one whose GPU hangs is told so in time; in both cases the GPU is free for others only when it is. What the
probe found by then is handed on all the same: a wrong answer is no less wrong because nobody waited for it.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Awaitable, Callable
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field
from functools import partial

import structlog

from sentinel_node.device.idle_gpu import IdleGpus
from sentinel_node.domain.errors import DeviceTimeout, NotFound, Refused, Unavailable
from sentinel_node.domain.gpu import GpuIdentity
from sentinel_node.domain.leases import SILENCE_S, Leases
from sentinel_node.domain.permission import Allowed, check_allowed
from sentinel_node.domain.probes import Finding, ProbePlan, ProbeReport
from sentinel_node.domain.seams import Prober, Progress, Telemetry
from sentinel_node.service.following import Following
from sentinel_node.service.part import Part

log = structlog.get_logger(__name__)

_MOST_GPUS = 64
"""Threads at most: a GPU takes one probe at a time, and no machine has more GPUs."""
_LAST_S, _LAST_SHARE = 1.0, 0.2
"""Of the time a caller waits, for the launch under way to end and for the report to come back."""
Told = GpuIdentity | Progress | Finding | ProbeReport


async def _nobody(_report: ProbeReport, _gpu: GpuIdentity) -> None:
    """Hears nothing."""


@dataclass(frozen=True, slots=True)
class ProbeRules:
    """What the operator allows, and how long a GPU may keep silent."""

    allowed: Allowed = Allowed.LIGHT
    grace_s: float = SILENCE_S
    """Beyond a plan's deadline, after which its caller is told that the GPU does not answer."""
    own_pids: Callable[[], frozenset[int]] = field(default=frozenset)
    """Processes of ours that may hold a context on GPUs."""
    heard: Callable[[ProbeReport, GpuIdentity], Awaitable[None]] = field(default=_nobody)
    """Hears every report before its caller does, also where the caller has left."""
    hearing_s: float = 5.0
    """How long that may keep the caller waiting, e.g. with a disk that is slow."""


class Desk:
    """Takes plans and lets them run, one for each GPU."""

    def __init__(self, prober: Part[Prober], telemetry: Part[Telemetry], leases: Leases, rules: ProbeRules) -> None:
        self._prober = prober
        self._leases = leases
        self._rules = rules
        read = partial(telemetry.ask, lambda driver: driver.samples())
        self._idle = IdleGpus(read, rules.own_pids, leases)
        self._stopping = False
        self._threads = ThreadPoolExecutor(_MOST_GPUS, thread_name_prefix="probe")
        self._running: set[Following] = set()
        self._hearing: set[asyncio.Task[None]] = set()
        """Outlive their callers, and so belong to no group of theirs."""

    @property
    def is_idle(self) -> bool:
        """Whether no probe of this desk runs."""
        return not self._running

    async def run(self, plan: ProbePlan, caller: str, within_s: float | None = None) -> AsyncGenerator[Told, None]:
        """The GPU as soon as the plan is accepted, then progress and findings as they come, at last the report.

        Leaving the iterator stops the probe. `within_s`: how long the caller waits in all, None for as long as it
        takes. What gets ready slowly is stopped a moment before that, so that its caller hears what it found.

        Raises:
            Refused: probes are off, only light ones are allowed, MIG is on, or somebody computes on the GPU.
            NotFound: there is no such GPU.
            Busy: another probe holds it.
            Unavailable: no CUDA, or the GPU failed; `DeviceTimeout` where it does not answer at all.
            Invalid: the kind has no such variant.
        """
        self._check_open()
        check_allowed(plan, self._rules.allowed)
        gpu = await self._gpu(plan)
        run, following = await self._started(plan, f"{caller} ({plan.kind}, {plan.depth})")
        hearing = self._heard_at_its_end(run, gpu, caller)
        loop = asyncio.get_running_loop()
        silent_after = loop.time() + plan.deadline_s + self._rules.grace_s
        stopping = None
        if within_s is not None:
            stopping = loop.call_later(max(0.0, within_s - min(_LAST_S, within_s * _LAST_SHARE)), following.stop)
        try:
            yield gpu
            while not run.done():
                await self._news(plan, following, silent_after)
                for told in following.news():
                    yield told
            report = run.result()
            await asyncio.wait((hearing,), timeout=self._rules.hearing_s)  # what it raised is in the log, see there
            for last in _last(report, following):
                yield last
        finally:
            if stopping is not None:
                stopping.cancel()
            following.stop()

    def stop(self) -> None:
        """Stop every probe before its next launch, and take no more; `is_idle` and `settled` tell when that is done."""
        self._stopping = True
        for following in tuple(self._running):
            following.stop()
        self._threads.shutdown(wait=False, cancel_futures=True)

    async def settled(self) -> None:
        """When everything that was found is handed on."""
        while self._hearing:
            await asyncio.wait(tuple(self._hearing))

    async def _gpu(self, plan: ProbePlan) -> GpuIdentity:
        gpus = await self._prober.ask(lambda prober: prober.gpus())
        found = next((gpu for gpu in gpus if gpu.uuid == plan.gpu_uuid), None)
        if found is None:
            known = ", ".join(gpu.uuid for gpu in gpus) or "none"
            raise NotFound(f"there is no GPU {plan.gpu_uuid!r} here that probes can run on; there are: {known}")
        if found.is_partitioned:
            raise Refused(f"MIG is on for GPU {found.uuid!r}: SM numbers belong to partitions then, so no probe runs")
        return found

    async def _started(self, plan: ProbePlan, holder: str) -> tuple[Future[ProbeReport], Following]:
        """The run in its thread, which from then on gives the GPU back."""
        prober, following = self._prober.thing(), Following()

        def work() -> ProbeReport:
            try:
                return prober.run(plan, following)
            finally:
                self._leases.give_back(plan.gpu_uuid)
                self._running.discard(following)

        self._leases.take(plan.gpu_uuid, holder)
        try:
            await self._idle.check(plan)
            self._check_open()
            self._running.add(following)
            run = self._threads.submit(work)
        except BaseException:
            self._running.discard(following)
            self._leases.give_back(plan.gpu_uuid)
            raise
        run.add_done_callback(following.ended)
        return run, following

    def _heard_at_its_end(self, run: Future[ProbeReport], gpu: GpuIdentity, caller: str) -> asyncio.Task[None]:
        """Hand the report on when there is one, whoever still listens."""

        async def hear() -> None:
            ended = asyncio.wrap_future(run)
            await asyncio.wait((ended,))
            if ended.cancelled() or ended.exception() is not None:  # there is no report; its caller is told why
                return
            report = ended.result()
            log.info("probe.ended", gpu_uuid=gpu.uuid, kind=report.plan.kind, outcome=report.outcome, caller=caller)
            if report.unplaced:
                fields = {"probe": report.plan.kind, "seed": report.plan.seed, "found": report.unplaced}
                log.warning("probe.wrong_words_unplaced", gpu=gpu.uuid, **fields)
            await self._rules.heard(report, gpu)

        def heard(hearing: asyncio.Task[None]) -> None:
            self._hearing.discard(hearing)
            if not hearing.cancelled() and (error := hearing.exception()) is not None:
                log.error("probe.report_not_handed_on", gpu_uuid=gpu.uuid, caller=caller, exc_info=error)

        hearing = asyncio.get_running_loop().create_task(hear(), name="probe.heard")
        self._hearing.add(hearing)
        hearing.add_done_callback(heard)
        return hearing

    def _check_open(self) -> None:
        if self._stopping:
            raise Unavailable("the node agent is stopping")

    async def _news(self, plan: ProbePlan, following: Following, until: float) -> None:
        """Wait for some, by the loop's clock."""
        try:
            async with asyncio.timeout_at(until):
                await following.wait()
        except TimeoutError as error:
            raise DeviceTimeout(
                f"GPU {plan.gpu_uuid!r} did not end a launch {self._rules.grace_s:g} s after the deadline of"
                f" {plan.deadline_s:g} s; it stays held until it does"
            ) from error


def _last(report: ProbeReport, following: Following) -> list[Finding | ProbeReport]:
    """What the thread told at the very end, then findings that were never told by themselves, then the report."""
    late = [told for told in following.news() if isinstance(told, Finding)]
    untold = [finding for finding in report.findings if finding not in following.told]
    return [*late, *untold, report]
