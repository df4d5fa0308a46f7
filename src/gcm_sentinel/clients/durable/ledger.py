"""The record of jobs: handed in, looked up, counted, set back, forgotten.

Everything here goes through DBOS's client, which raises when the database is away; inside a running job DBOS itself
waits instead until the database is back. A job is the DBOS workflow ``kind:key`` on the queue ``kind``.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Mapping
from datetime import UTC, datetime, timedelta

import sqlalchemy as sa
import structlog
from dbos import DBOSClient, DBOSPortableJSONSerializer, EnqueueOptions, WorkflowStatus, WorkflowStatusString

from gcm_sentinel.clients.durable.config import ENDED, JobKind, JobRecord, JobState
from gcm_sentinel.clients.durable.database import answered
from gcm_sentinel.domain.errors import Bug

log = structlog.get_logger(__name__)

APPLICATION = "gcm-sentinel"
WORKFLOW = "job"
GENERATION = "1"
"""DBOS's own application version; work of another one is never picked up, so it stays as it is (see worker.py)."""
BATCH = 500

STATES: Mapping[str, JobState] = {
    WorkflowStatusString.ENQUEUED.value: JobState.WAITING,
    WorkflowStatusString.DELAYED.value: JobState.WAITING,
    WorkflowStatusString.PENDING.value: JobState.RUNNING,
    WorkflowStatusString.SUCCESS.value: JobState.DONE,
    WorkflowStatusString.ERROR.value: JobState.FAILED,
    WorkflowStatusString.MAX_RECOVERY_ATTEMPTS_EXCEEDED.value: JobState.GIVEN_UP,
    WorkflowStatusString.CANCELLED.value: JobState.CANCELLED,
}
RESTARTING = "restarting"
"""Attribute of a job that is being set back; a stopped job that has it was left half way by a crash (see health.py)."""


def workflow_id(kind: str, key: str) -> str:
    """The DBOS workflow of a job."""
    return f"{kind}:{key}"


class Ledger:
    """The jobs in one database."""

    def __init__(self, database: sa.Engine) -> None:
        self._client = DBOSClient(
            system_database_engine=database,
            serializer=DBOSPortableJSONSerializer(),
            application_name=APPLICATION,
            lazy=True,
            retry_connection_errors=False,
        )

    async def register(self, jobs: Mapping[str, JobKind], poll: timedelta) -> None:
        """Write down the queues, so that they are served from the first moment."""
        for kind, job in jobs.items():
            await answered(
                f"register the queue {kind!r}",
                self._client.register_queue_async(
                    kind,
                    worker_concurrency=job.concurrency,
                    polling_interval_sec=poll.total_seconds(),
                    on_conflict="always_update",
                ),
            )

    async def submit(self, kind: str, key: str, priority: int) -> None:
        """Queue the job unless it is known."""
        options = EnqueueOptions(
            workflow_name=WORKFLOW,
            queue_name=kind,
            workflow_id=workflow_id(kind, key),
            app_version=GENERATION,
            priority=priority,
        )
        await answered(f"submit {kind} {key!r}", self._client.enqueue_async(options, kind, key))

    async def find(self, kind: str, key: str) -> JobRecord | None:
        """One job; None for one never submitted, or forgotten."""
        found = await self._list("look up a job", workflow_ids=[workflow_id(kind, key)])
        return record_of(found[0]) if found else None

    async def count(self, kind: str) -> Mapping[JobState, int]:
        """How many jobs of `kind` wait and run, in all processes."""
        active = await self._list("count jobs", status=_names((JobState.WAITING, JobState.RUNNING)), queue_name=kind)
        return Counter(STATES[status.status] for status in active)

    async def ended(self, kind: str, states: Collection[JobState], since: datetime) -> tuple[JobRecord, ...]:
        """Jobs of `kind` that ended in one of `states` after `since`, to the second."""
        found = await self._list(
            "list ended jobs",
            status=_names(states),
            workflow_id_prefix=workflow_id(kind, ""),
            completed_after=since.astimezone(UTC).isoformat(),
        )
        return tuple(record_of(status) for status in found)

    async def running_as(self, executor_id: str) -> Mapping[str, str]:
        """Kind by workflow id, for the jobs that the database believes `executor_id` is running."""
        found = await self._list("list running jobs", status=_names((JobState.RUNNING,)), executor_id=executor_id)
        return {status.workflow_id: record_of(status).kind for status in found}

    async def requeue(self, workflow: str, kind: str) -> None:
        """Queue a job that nobody runs any more."""
        await answered(f"queue {workflow!r} again", self._client.resume_workflows_async([workflow], queue_name=kind))

    async def cancel(self, kind: str, key: str) -> None:
        """Stop a job that has not ended."""
        workflow = workflow_id(kind, key)
        await answered(f"cancel {workflow!r}", self._client.cancel_workflow_async(workflow))

    async def restart(self, kind: str, key: str) -> None:
        """Set a running job back to its beginning, without its recorded steps."""
        workflow = workflow_id(kind, key)
        doing = f"set {workflow!r} back"
        await answered(doing, self._client.update_workflow_attributes_async(workflow, {RESTARTING: True}))
        await answered(doing, self._client.cancel_workflow_async(workflow))
        await self.rewind(workflow, kind)

    async def half_set_back(self) -> Mapping[str, str]:
        """Kind by workflow id, for the jobs between the two halves of being set back."""
        stopped = await self._list("list stopped jobs", status=_names((JobState.CANCELLED,)))
        return {status.workflow_id: record_of(status).kind for status in stopped if _is_restarting(status)}

    async def forget(self, older_than: datetime) -> int:
        """Delete the record of jobs that ended before `older_than`. Returns how many."""
        forgotten = 0
        while True:
            found = await self._list(
                "list old jobs",
                status=_names(ENDED),
                completed_before=older_than.astimezone(UTC).isoformat(),
                limit=BATCH,
            )
            if not found:
                return forgotten
            ids = [status.workflow_id for status in found]
            await answered("forget old jobs", self._client.delete_workflows_async(ids))
            forgotten += len(ids)

    async def ping(self) -> None:
        """Raises `Unreachable` when the database does not answer."""
        await answered("reach the durable queue's database", self._client.check_connection_async())

    async def rewind(self, workflow: str, kind: str) -> None:
        """The second half of setting a job back: drop its steps and queue it again."""
        try:
            await answered(
                f"set {workflow!r} back", self._client.rewind_workflow_async(workflow, start_step=1, queue_name=kind)
            )
        except Bug as error:
            log.info("job.set_back_by_another", workflow=workflow, reason=str(error))
            return
        await answered(f"mark {workflow!r}", self._client.update_workflow_attributes_async(workflow, None))

    async def _list(self, doing: str, **query: object) -> list[WorkflowStatus]:
        asked = self._client.list_workflows_async(
            name=WORKFLOW,
            load_input=False,
            load_output=False,
            **query,  # type: ignore[arg-type] # the callers above are its only ones
        )
        return await answered(doing, asked)


def _is_restarting(status: WorkflowStatus) -> bool:
    return STATES[status.status] is JobState.CANCELLED and RESTARTING in (status.attributes or {})


def _names(states: Collection[JobState]) -> list[str]:
    return [name for name, state in STATES.items() if state in states]


def record_of(status: WorkflowStatus) -> JobRecord:
    """What the database says about a job."""
    kind, _, key = status.workflow_id.partition(":")
    return JobRecord(
        kind=kind,
        key=key,
        state=JobState.WAITING if _is_restarting(status) else STATES[status.status],
        executor_id=status.executor_id,
        starts=status.recovery_attempts or 0,
        submitted_at=None if status.created_at is None else datetime.fromtimestamp(status.created_at / 1000, UTC),
    )
