"""From containers' logs to the result of a log tool; shared by `get_pod_logs` and `get_workload_logs`."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase

from gcm_sentinel.clients.kubernetes import KubeObject, KubernetesClient
from gcm_sentinel.datasources import pod_logs, tool_calls
from gcm_sentinel.datasources import pods as pod_facts
from gcm_sentinel.domain.entity import node as node_entity
from gcm_sentinel.domain.evidence import ResultStatus, TimeRange, ToolResult
from gcm_sentinel.domain.summaries import PodLogsSummary


@dataclass(frozen=True, slots=True)
class LogQuestion:
    """Whose logs, and how much of them."""

    node: str
    query: str
    pods_max: int
    lines: int
    """Newest lines read per container."""
    shown: int
    """Newest lines of each put into the summary."""


def named(pods: Sequence[KubeObject], pattern: str) -> list[KubeObject]:
    """The pods whose name (or ``namespace/name``) the pattern covers: a glob, or else a part of the name."""
    if any(mark in pattern for mark in "*?["):
        return [pod for pod in pods if any(fnmatchcase(name, pattern) for name in _names(pod))]
    return [pod for pod in pods if any(pattern in name for name in _names(pod))]


def in_trouble_first(pods: Sequence[KubeObject]) -> list[KubeObject]:
    """Failed pods, then restarted or waiting ones, then the rest; by name among equals."""
    return sorted(pods, key=lambda pod: (_rank(pod), pod_facts.full_name(pod)))


async def answer(client: KubernetesClient, question: LogQuestion, pods: Sequence[KubeObject]) -> ToolResult:
    """Read the logs of `pods`, the first `pods_max` of them."""
    chosen = pods[: question.pods_max]
    wanted = pod_logs.requests(chosen)
    logs = await pod_logs.read_logs(client, wanted, lines=question.lines, shown=question.shown)
    summary = PodLogsSummary(
        node=question.node,
        logs=[log.summary for log in logs],
        pods_matched=len(pods),
        pods_shown=len(chosen),
    )
    return ToolResult(
        status=_status(logs),
        query=question.query,
        summary=tool_calls.as_json(summary),
        raw="\n".join(log.raw for log in logs),
        time_range=_covered(logs),
        entities=(node_entity(question.node), *(pod_facts.entity(pod) for pod in chosen)),
        note=_note(logs, matched=len(pods), shown=len(chosen)),
    )


def _names(pod: KubeObject) -> tuple[str, str]:
    return pod_facts.name(pod), pod_facts.full_name(pod)


def _rank(pod: KubeObject) -> int:
    if pod_facts.phase(pod) == "Failed":
        return 0
    states = pod_facts.container_states(pod)
    if any(pod_facts.crashed_before(entry) or entry.get("ready") is False for entry in states):
        return 1
    return 2 if pod_facts.phase(pod) == "Running" else 3


def _status(logs: Sequence[pod_logs.ReadLog]) -> ResultStatus:
    statuses = {log.summary["status"] for log in logs}
    if "ok" in statuses:
        return ResultStatus.OK
    if any(log.refused for log in logs):
        return ResultStatus.UNAVAILABLE
    return ResultStatus.ERROR if "error" in statuses else ResultStatus.NO_DATA


def _covered(logs: Sequence[pod_logs.ReadLog]) -> TimeRange | None:
    firsts = [log.first_at for log in logs if log.first_at]
    lasts = [log.last_at for log in logs if log.last_at]
    return TimeRange(min(firsts), max(lasts)) if firsts and lasts else None


def _note(logs: Sequence[pod_logs.ReadLog], *, matched: int, shown: int) -> str:
    notes = []
    unread = [log.summary for log in logs if log.summary["status"] == "error"]
    if unread:
        notes.append(f"{len(unread)} of {len(logs)} logs could not be read: {unread[0]['note']}")
    if any(log.refused for log in logs):
        notes.append(f"It needs RBAC: {pod_logs.GRANT}")
    if matched > shown:
        notes.append(f"{matched} pods match, the {shown} most troubled are shown; narrow pod_name_pattern for others")
    return ". ".join(notes)
