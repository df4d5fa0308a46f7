"""Reading containers' logs: present and, after a crash, previous instance; recognised lines and the newest ones shown.

The end of a log is what is kept when it is long. A log that cannot be read becomes an entry that says so, so that one
missing container never hides the others, nor passes for silence.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Literal

from gcm_sentinel.clients.kubernetes import KubeObject, KubernetesClient, parse_time
from gcm_sentinel.clients.kubernetes.objects import text
from gcm_sentinel.datasources import pods as pod_facts
from gcm_sentinel.datasources.log_patterns import LogEntry, recognise
from gcm_sentinel.domain.errors import Forbidden, NotFound, Rejected, SentinelError
from gcm_sentinel.domain.summaries import PodLogSummary

GRANT = "get on pods/log"
_PARALLEL = 6
_MAX_BYTES = 4 * 1024 * 1024
_TAIL_LINE_MAX = 600


@dataclass(frozen=True, slots=True)
class LogRequest:
    """One container instance whose log is wanted."""

    pod: KubeObject
    container: str
    previous: bool

    @property
    def path(self) -> str:
        """API path of the log."""
        return f"/api/v1/namespaces/{pod_facts.namespace(self.pod)}/pods/{pod_facts.name(self.pod)}/log"


@dataclass(frozen=True, slots=True)
class ReadLog:
    """A log as read: its summary and its whole text under a heading."""

    summary: PodLogSummary
    raw: str
    refused: bool = False
    """RBAC does not allow it."""
    first_at: datetime | None = None
    last_at: datetime | None = None


def requests(pods: Sequence[KubeObject]) -> list[LogRequest]:
    """The present log of every container of the pods, and the previous one where there was an earlier instance."""
    wanted = []
    for pod in pods:
        states = {text(entry.get("name")): entry for entry in pod_facts.container_states(pod)}
        for container in pod_facts.container_names(pod):
            state = states.get(container)
            if state is None and states:
                continue  # an init container that simply finished
            wanted.append(LogRequest(pod, container, previous=False))
            if state is not None and pod_facts.crashed_before(state):
                wanted.append(LogRequest(pod, container, previous=True))
    return wanted


async def read_logs(client: KubernetesClient, wanted: Sequence[LogRequest], *, lines: int, shown: int) -> list[ReadLog]:
    """Read the logs, a few at a time; `lines` are read of each, `shown` of them put in its summary."""
    gate = asyncio.Semaphore(_PARALLEL)

    async def one(request: LogRequest) -> ReadLog:
        async with gate:
            return await _read(client, request, lines=lines, shown=shown)

    async with asyncio.TaskGroup() as group:
        tasks = [group.create_task(one(request)) for request in wanted]
    return [task.result() for task in tasks]


async def _read(client: KubernetesClient, request: LogRequest, *, lines: int, shown: int) -> ReadLog:
    params: dict[str, str | int | bool] = {"container": request.container, "timestamps": True, "tailLines": lines}
    if request.previous:
        params["previous"] = True
    try:
        content = await client.text(request.path, params, max_bytes=_MAX_BYTES)
    except SentinelError as error:
        return _unread(request, error)
    written = [line for line in content.splitlines() if line.strip()]
    entries = [_entry(line) for line in written]
    moments = [entry.at for entry in entries if entry.at]
    summary = _summary(request, "ok" if entries else "no_data", "" if entries else "the log is empty")
    summary["lines"] = len(entries)
    summary["patterns"] = await asyncio.to_thread(recognise, entries)  # tens of thousands of lines take a second
    summary["tail"] = [line[:_TAIL_LINE_MAX] for line in written[-shown:]]
    return ReadLog(
        summary,
        f"{_heading(request)}\n{content}",
        first_at=min(moments, default=None),
        last_at=max(moments, default=None),
    )


def _unread(request: LogRequest, error: SentinelError) -> ReadLog:
    """What stands for a log that was not given: nothing kept of a previous instance is no fault."""
    gone = isinstance(error, NotFound) or (isinstance(error, Rejected) and request.previous)
    status: Literal["no_data", "error"] = "no_data" if gone else "error"
    summary = _summary(request, status, str(error))
    return ReadLog(summary, f"{_heading(request)}\n({error})\n", refused=isinstance(error, Forbidden))


def _summary(request: LogRequest, status: str, note: str) -> PodLogSummary:
    return PodLogSummary(
        pod=pod_facts.full_name(request.pod),
        container=request.container,
        previous=request.previous,
        status=status,
        note=note,
        lines=0,
        patterns=[],
        tail=[],
    )


def _heading(request: LogRequest) -> str:
    instance = "previous" if request.previous else "present"
    return f"==> {pod_facts.full_name(request.pod)} container {request.container} ({instance} instance) <=="


def _entry(line: str) -> LogEntry:
    stamp, _, words = line.partition(" ")
    at = parse_time(_microseconds(stamp))
    return LogEntry(at, words) if at else LogEntry(None, line)


def _microseconds(stamp: str) -> str:
    """The stamp with at most six fractional digits; the kubelet prints nine."""
    whole, dot, rest = stamp.partition(".")
    digits = len(rest) - len(rest.lstrip("0123456789"))
    return f"{whole}.{rest[: min(digits, 6)]}{rest[digits:]}" if dot and digits else stamp
