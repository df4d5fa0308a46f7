"""The kernel's log of a node as its own agent reads it: the kernel's buffer, and the journal for earlier boots.

Three questions. The newest line before the window tells how the node's clock stands, which boots are kept and
whether the log reaches back that far: a node on which nothing was printed for a day would else look like one that
keeps no log. Then the window. Then, where the boot is older than the window or had more lines than one answer takes,
those of its older lines that name Xids and GPUs: what leads a burst and what the driver asked for last do not depend on
how far back was asked.

Times are the node's. They are told as they are, and how far its clock is from ours is said: who shifted them could not
quote them any more, and an earlier boot may have had another clock.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from itertools import chain

from gcm_sentinel.datasources.kernel_agent_lines import Gap, boots_in, gaps, in_order, log_lines, newest
from gcm_sentinel.datasources.kernel_records import KernelLog, Known, Selection, read_kernel_log
from gcm_sentinel.datasources.sentinel_gpus import plain
from gcm_sentinel.datasources.series_shape import iso
from gcm_sentinel.domain.errors import NotFound, SentinelError
from gcm_sentinel.domain.node_agent import KernelLine, KernelLines, KernelQuestion, NodeReadings

TRANSPORT = "node-agent"
MOST_LINES = 20_000
"""What an agent gives in one answer."""
MOST_OLDER = 2000
TELLING = ("NVRM: Xid (", "SXid (", "fallen off the bus", "NVRM: GPU at PCI:", "serial number")
"""Of lines from before the window: faults, and who sits where."""
_SKEW = timedelta(seconds=5)
_MOST_SKEW = timedelta(days=365)
"""A clock that is further behind is not followed: the whole log would be asked for."""
_SLACK = timedelta(seconds=60)
_MOST_BOOTS = 500


@dataclass(frozen=True, slots=True)
class Asked:
    """Which log is wanted."""

    node: str
    start: datetime
    """By our clock."""
    now: datetime
    chosen: Selection


@dataclass(frozen=True, slots=True)
class AgentLog:
    """What the node's agent told."""

    query: str
    log: KernelLog
    notes: tuple[str, ...]
    falls_short: bool
    """It begins after the window, and something is missing or there is nothing: another transport may have it."""


@dataclass(frozen=True, slots=True)
class _Answers:
    """What the questions came to."""

    asked: Asked
    since: datetime
    """The window's beginning by the node's clock, if that is behind ours."""
    ahead: timedelta
    """How far the node's clock is ahead of ours, for all that is known."""
    lead: KernelLines
    window: KernelLines
    boot_ids: tuple[str, ...]
    older: tuple[KernelLine, ...] = ()
    notes: tuple[str, ...] = ()


async def read_agent(readings: NodeReadings, asked: Asked, monotonic: Callable[[], float]) -> AgentLog:
    """The log of `asked.node`, the boot of `asked.chosen` alone where it names one before the present.

    `monotonic` in seconds tells how long the first answer took, which is no difference of clocks.

    Raises:
        NotFound: the agent keeps no such boot.
        SentinelError: the agent cannot be reached, or has no log.
    """
    began_s = monotonic()
    lead = await readings.kernel_log(asked.node, KernelQuestion(until=asked.start, limit=1))
    ahead = _ahead(lead.time - asked.now, timedelta(seconds=monotonic() - began_s))
    before = asked.chosen.boot == -1
    boot_id = _boot_before(lead, asked.node) if before else ""
    since = asked.start - min(max(-ahead, timedelta(0)), _MOST_SKEW)
    window = await readings.kernel_log(asked.node, KernelQuestion(since, boot_id=boot_id, limit=MOST_LINES))
    boots = lead.boot_ids or window.boot_ids
    answers = _Answers(asked, since, ahead, lead, window, boots[-_MOST_BOOTS:])
    for question in _further(answers, boot_id):
        answers = await _with_older(readings, answers, question)
    return await asyncio.to_thread(_told, answers)


def _boot_before(lead: KernelLines, node: str) -> str:
    if len(lead.boot_ids) < 2:
        why = f" ({_words(lead.missing)})" if lead.missing else ""
        raise NotFound(f"the agent of {node} keeps no boot before the present one{why}")
    return lead.boot_ids[-2]


def _further(answers: _Answers, boot_id: str) -> Iterator[KernelQuestion]:
    """What is asked beyond the window: telling lines from before it, and when the present boot began."""
    window, present = answers.window, "".join(answers.boot_ids[-1:])
    if window.is_truncated or (not boot_id and not _began_within(answers, present)):
        until = window.lines[0].time if window.is_truncated and window.lines else answers.since
        yield KernelQuestion(until=until, boot_id=boot_id or present, contains=TELLING, limit=MOST_OLDER)
    if boot_id:
        yield KernelQuestion(boot_id=present, limit=1)


def _began_within(answers: _Answers, present: str) -> bool:
    """Whether a line shows that the present boot began within the window."""
    line = next((line for line in answers.window.lines if line.boot_id == present), None)
    return line is not None and line.time.timestamp() - line.monotonic_us / 1e6 >= answers.since.timestamp()


async def _with_older(readings: NodeReadings, answers: _Answers, question: KernelQuestion) -> _Answers:
    """With what it finds; without that, and why, where it fails."""
    try:
        found = await readings.kernel_log(answers.asked.node, question)
    except SentinelError as error:
        words = f"Lines beyond the window could not be read: {plain(str(error), 200)}."
        return replace(answers, notes=(*answers.notes, words))
    return replace(answers, older=(*answers.older, *newest(found.lines[-question.limit :])))


def _told(answers: _Answers) -> AgentLog:
    asked, window = answers.asked, answers.window
    kept = newest(window.lines)
    is_cut = window.is_truncated or len(kept) < len(window.lines)
    ordered, boot_ids = in_order(chain(answers.lead.lines[-1:], answers.older, kept), answers.boot_ids)
    lines = log_lines(ordered, asked.node)
    missed = gaps(kept)
    reaches = _reaches(answers, kept, missed, is_cut=is_cut)
    known = Known(boots_in(ordered, lines, boot_ids), reaches)
    chosen = replace(asked.chosen, since=answers.since.timestamp())
    log = read_kernel_log(lines, chosen, asked.now.timestamp(), known)
    is_late = reaches is None or reaches > (answers.since + _SLACK).timestamp()
    return AgentLog(
        query=f"ReadKernelLog {asked.node} since {answers.since.isoformat()}",
        log=log,
        notes=tuple(_notes(answers, missed, len(kept) if is_cut else None)),
        falls_short=_tells_no_writers(answers)
        or (is_late and bool(reaches is None or is_cut or window.missing or window.lost_lines or missed)),
    )


def _tells_no_writers(answers: _Answers) -> bool:
    return any(line.from_kernel is None for line in chain(answers.lead.lines, answers.older, answers.window.lines))


def _reaches(answers: _Answers, kept: Sequence[KernelLine], missed: Sequence[Gap], *, is_cut: bool) -> float | None:
    """From when on no line is missing: after the last gap, and not before the first line where more is doubtful."""
    if missed:
        return missed[-1].ends
    doubtful = is_cut or answers.window.missing or answers.window.lost_lines
    slack = answers.since + _SLACK
    if not doubtful and any(line.time <= slack for line in chain(answers.lead.lines, kept[:1])):
        return answers.since.timestamp()
    return kept[0].time.timestamp() if kept else None


def _notes(answers: _Answers, missed: Sequence[Gap], cut_to: int | None) -> Iterator[str]:
    if abs(answers.ahead) >= _SKEW:
        side, off_s = "ahead of" if answers.ahead > timedelta(0) else "behind", abs(answers.ahead).total_seconds()
        yield f"The node's clock is {off_s:.0f} s {side} ours; times are told as the node has them."
    lost = max(answers.window.lost_lines, sum(gap.lines for gap in missed))
    if lost:
        worst = max(missed, key=lambda gap: gap.lines, default=None)
        where = f", most of them between {iso(worst.begins)} and {iso(worst.ends)}" if worst else ""
        yield f"{lost} lines were overwritten before they were read{where}: what stood there is not known."
    if cut_to is not None:
        yield f"Only the newest {cut_to} lines were read; of older ones those that name Xids, SXids and GPUs."
    if answers.window.missing:
        yield f"Not read on the node: {_words(answers.window.missing)}."
    if _tells_no_writers(answers):
        yield "This agent does not say who wrote a line, so that none of them proves a fault: update the agent."
    yield from answers.notes


def _words(missing: Sequence[str]) -> str:
    return "; ".join(plain(word, 200) for word in missing[:5]).rstrip(".")


def _ahead(told: timedelta, took: timedelta) -> timedelta:
    """The least that the node's clock is ahead: it told its time at some moment of those that the answer took."""
    return max(told - took, timedelta(0)) if told > timedelta(0) else told
