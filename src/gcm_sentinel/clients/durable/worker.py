"""Runs the jobs that DBOS hands to this process.

Every job begins by recording the version of the code that began it. Where a later start finds another version there,
the recorded steps are not this code's: the job is set back to its beginning (`Ledger.restart`) and queued again. DBOS
has versions of its own, which leave older work untouched for ever; we keep that one constant.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping

import structlog
from dbos import error as dbos

from gcm_sentinel.clients.durable.config import DurableConfig, JobKind, StepHook
from gcm_sentinel.clients.durable.ledger import Ledger, workflow_id
from gcm_sentinel.clients.durable.recorded import BEGUN, Recorded
from gcm_sentinel.clients.durable.wording import plain
from gcm_sentinel.domain.errors import BadResponse, Bug, SentinelError
from gcm_sentinel.domain.jsontypes import Json
from gcm_sentinel.domain.steps import Codec

log = structlog.get_logger(__name__)


class Worker:
    """The running jobs of this process."""

    def __init__(
        self, config: DurableConfig, jobs: Mapping[str, JobKind], ledger: Ledger, hook: StepHook | None
    ) -> None:
        self._config = config
        self._jobs = jobs
        self._ledger = ledger
        self._hook = hook
        self._running: dict[asyncio.Task[None], str] = {}
        self._stopping = False

    @property
    def kinds(self) -> frozenset[str]:
        """The kinds of jobs there are."""
        return frozenset(self._jobs)

    @property
    def running(self) -> frozenset[str]:
        """Workflow ids of the jobs at work here."""
        return frozenset(self._running.values())

    async def perform(self, kind: str, key: str) -> None:
        """Run one job from its beginning; what DBOS calls."""
        task = asyncio.current_task()
        if task is None:
            raise Bug("a job runs in a task")
        if self._stopping:
            await asyncio.get_running_loop().create_future()
        self._running[task] = workflow_id(kind, key)
        task.add_done_callback(self._ended)
        with structlog.contextvars.bound_contextvars(job=workflow_id(kind, key)):
            await self._perform(kind, key, task)

    def begin_no_more(self) -> None:
        """Jobs handed over from now on wait to be cut off; they were taken just before the queue closed."""
        self._stopping = True

    async def drain(self, timeout_s: float) -> frozenset[str]:
        """Begin no further job; wait for the running ones. Returns those that did not end in time."""
        self.begin_no_more()
        if self._running:
            await asyncio.wait(tuple(self._running), timeout=timeout_s)
        return self.running

    def _ended(self, task: asyncio.Task[None]) -> None:
        self._running.pop(task, None)

    async def _perform(self, kind: str, key: str, task: asyncio.Task[None]) -> None:
        steps = Recorded(kind, key, task, self._hook)
        try:
            if await self._begun_by_this_version(kind, steps):
                await self._jobs[kind].job(key, steps)
                return
        except asyncio.CancelledError:
            if task.cancelling() == 0:
                raise self._cancelled_itself(kind, key) from None
            if steps.lost is not None:
                self._say_lost(steps.lost)
            raise
        except Exception:  # the border of a task: DBOS records the failure, the queue goes on
            log.exception("job.failed")
            raise
        await self._set_back(kind, key)
        raise asyncio.CancelledError

    async def _begun_by_this_version(self, kind: str, steps: Recorded) -> bool:
        version = self._version(kind)

        async def begin() -> str:
            return version

        return await steps.run(BEGUN, begin, TEXT) == version

    async def _set_back(self, kind: str, key: str) -> None:
        log.warning("job.begun_by_another_version", version=self._version(kind))
        try:
            await self._ledger.restart(kind, key)
        except SentinelError as error:  # health.py finds the job and has it tried again
            log.warning("job.not_set_back", reason=str(error))

    def _version(self, kind: str) -> str:
        return self._jobs[kind].version or self._config.version

    def _cancelled_itself(self, kind: str, key: str) -> Bug:
        log.error("job.cancelled_itself", kind=kind, key=key)
        return Bug(f"{kind} {key!r} ended as cancelled though nobody cancelled it")

    def _say_lost(self, error: BaseException) -> None:
        if isinstance(error, dbos.DBOSBaseException):
            log.info("job.taken_over", reason=str(error))
        else:
            log.warning("job.stranded", reason=plain(str(error)))


def _text(value: Json) -> str:
    if not isinstance(value, str):
        raise BadResponse(f"expected a text, got {value!r}")
    return value


TEXT: Codec[str] = Codec(encode=lambda text: text, decode=_text)
