"""A kernel log that was read, by whichever transport, as the answer of `read_kernel_log`. Pure."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime

from gcm_sentinel.datasources.kernel_agent import TRANSPORT, AgentLog
from gcm_sentinel.datasources.kernel_records import KernelLog, Selection, read_kernel_log
from gcm_sentinel.datasources.kernel_summary import entities, file_servers, kernel_summary
from gcm_sentinel.datasources.log_lines import parse_lines, zoneless
from gcm_sentinel.datasources.log_transport import ENABLE_SHIPPED, FetchedLog
from gcm_sentinel.datasources.series_shape import iso
from gcm_sentinel.datasources.tool_calls import as_json
from gcm_sentinel.domain.evidence import ResultStatus, TimeRange, ToolResult

ZONELESS = (
    "Its times name no zone and were read as UTC: on a node with another local time all of them are off by that much,"
    " and lines may fall outside the window."
)


@dataclass(frozen=True, slots=True)
class Read:
    """A kernel log that was read."""

    transport: str
    query: str
    log: KernelLog
    notes: tuple[str, ...]

    @property
    def begins(self) -> float:
        """Epoch seconds from which it can tell anything; the end of time where it cannot."""
        return self.log.covers[0] if self.log.covers else float("inf")


def of_text(fetched: FetchedLog, chosen: Selection, now: datetime, note: str) -> Read:
    """A log that came as text."""
    parsed = list(parse_lines(fetched.lines, now))
    log = read_kernel_log(parsed, chosen, now.timestamp())
    return Read(fetched.transport, fetched.query, log, (note, ZONELESS if zoneless(parsed) else ""))


def of_agent(told: AgentLog, *more: str) -> Read:
    """The agent's log, with more to say of it."""
    return Read(TRANSPORT, told.query, told.log, (*told.notes, *more))


def better(told: AgentLog | None, other: Read, why_not: str) -> Read:
    """Which of two logs reaches further back; the agent's where neither does, for it knows what it lacks."""
    if told is None:
        return replace(other, notes=(f"{why_not} Read from {other.transport}." if why_not else "", *other.notes))
    agents = of_agent(told)
    if agents.begins <= other.begins:
        return agents
    since = f"begins at {iso(agents.begins)}" if told.log.covers else "covers nothing of what was asked for"
    words = f"The log of the node's agent {since}, so {other.transport} was read. {' '.join(told.notes)}".strip()
    return replace(other, notes=(words, *other.notes))


def answer(node: str, window: TimeRange, read: Read, query: str) -> ToolResult:
    """`read_kernel_log`."""
    log, notes = read.log, [note for note in read.notes if note]
    if not log.lines_total:
        notes.append(f"The log is empty and covers no time, so it proves no absence. {ENABLE_SHIPPED}.")
    elif log.covers is None:
        notes.append(
            f"The log holds {len(log.boots)} boot(s), and nothing of the boot and time asked for with a time that can"
            " be read; ask for a longer stretch or the other boot."
        )
    elif log.covers[0] > window.start.timestamp() + 60:
        notes.append(f"The log begins at {iso(log.covers[0])}: nothing before it can be told.")
    return ToolResult(
        ResultStatus.OK if log.covers else ResultStatus.UNAVAILABLE,
        f"{query}: {read.query}",
        as_json(kernel_summary(node, read.transport, log)),
        log.text,
        time_range=window,
        entities=(*entities(node, log), *file_servers(log)),
        note=" ".join(notes),
    )
