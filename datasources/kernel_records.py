"""A kernel log read whole: Xids by GPU, bursts with their leads, other events, boots; floods counted, not listed. Pure.

One fault can print the same line a hundred thousand times, so everything is aggregated by what it says, and the text of
the result keeps the first lines of each kind only and tells how many more there were.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from typing import TypeVar

from gcm_sentinel.datasources.kernel_boots import Boot, split_boots
from gcm_sentinel.datasources.kernel_lines import GpuSerial, KernelLine, Recognised, XidLine, recognise
from gcm_sentinel.datasources.knowledge_tables import by_key
from gcm_sentinel.datasources.log_lines import LogLine
from gcm_sentinel.datasources.xid_bursts import Burst, XidAt, find_bursts

_Answer = TypeVar("_Answer")
_KEEP_OF_A_KIND = 20
_MEMORY = 20_000
"""How many different texts are remembered while reading; more is a log of its own kind, read without memory."""
_VARYING = re.compile(r"(?<![:\w])(?:0x)?[0-9a-fA-F_]*\d[0-9a-fA-F_]*(?![:\w])")
"""Numbers in decimal or hex; parts of PCI addresses stay, so that every GPU keeps lines of its own."""
_DISTINCT = 50
"""How many pids, names and places are kept of one tally."""
_MERGE_S = 5.0
"""How long after an event a line may continue it."""


@dataclass(frozen=True, slots=True)
class Selection:
    """Which lines of the log are asked for."""

    since: float
    """Epoch seconds."""
    patterns: tuple[str, ...] = ()
    """Lower-case substrings, any of which a line must hold; empty for all lines."""
    boot: int | None = None


@dataclass(slots=True)
class Tally:
    """Equal events counted."""

    boot: int
    first: float
    last: float
    example: str
    count: int = 0
    pids: dict[int, None] = field(default_factory=dict)
    processes: dict[str, None] = field(default_factory=dict)
    places: dict[str, None] = field(default_factory=dict)
    words: dict[tuple[int, ...], None] = field(default_factory=dict)

    def note(self, at: float, count: int = 1) -> None:
        """So many more."""
        self.count += count
        self.first, self.last = min(self.first, at), max(self.last, at)

    def detail(self, known: XidLine) -> None:
        """What an Xid names besides its number."""
        if known.pid is not None and len(self.pids) < _DISTINCT:
            self.pids[known.pid] = None
        if known.process and len(self.processes) < _DISTINCT:
            self.processes[known.process] = None
        if len(self.places) < _DISTINCT:
            self.places.update(dict.fromkeys(known.places))
        if known.words and len(self.words) < _DISTINCT:
            self.words[known.words] = None


@dataclass(frozen=True, slots=True)
class KernelLog:
    """What a log says about the selected stretch."""

    lines_total: int
    matched: int
    boots: tuple[Boot, ...]
    xids: dict[tuple[int, str, int], Tally]
    """(boot, PCI address, Xid) -> its records."""
    events: dict[tuple[int, str, str, str], Tally]
    """(boot, kind, device, code) -> its records."""
    bursts: tuple[Burst, ...]
    uuids: dict[str, str]
    """PCI address -> UUID, as the driver states it."""
    serials: dict[str, str]
    """PCI address -> serial number, likewise."""
    recovery_action: str | None
    """The last one of the present boot, whatever the selection."""
    covers: tuple[float, float] | None
    text: str
    """The selected lines, floods shortened."""


@dataclass(frozen=True, slots=True)
class Known:
    """What a transport knows of its lines that would else be read off them."""

    boots: tuple[Boot, ...]
    complete_from: float | None
    """Epoch seconds from which no line is missing; None where nobody can say."""


def read_kernel_log(
    lines: Sequence[LogLine], selection: Selection, read_at: float, known: Known | None = None
) -> KernelLog:
    """Everything of note in `lines`, which come in the log's order and were fetched at `read_at`."""
    known = known or Known(split_boots(lines), next((line.at for line in lines if line.at is not None), None))
    boots = known.boots
    reader = _Reader(selection)
    for boot in boots:
        for line in lines[boot.first : boot.end]:
            reader.take(line, boot.number)
    return KernelLog(
        lines_total=sum(1 + line.folded for line in lines),
        matched=reader.matched,
        boots=boots,
        xids=reader.xids,
        events=reader.events,
        bursts=tuple(reader.bursts()),
        uuids=reader.uuids,
        serials=reader.serials,
        recovery_action=reader.recovery_action,
        covers=_covers(known, selection, read_at),
        text="\n".join(reader.excerpt.lines()),
    )


class _Reader:
    """Takes lines in order and keeps the tallies."""

    def __init__(self, selection: Selection) -> None:
        self._selection = selection
        self._recognise = _remembering(recognise)
        self._open_banner = ""
        self._last_event: dict[tuple[str, str], float] = {}
        self.matched = 0
        self.xids: dict[tuple[int, str, int], Tally] = {}
        self.events: dict[tuple[int, str, str, str], Tally] = {}
        self.timeline: list[XidAt] = []
        self.uuids: dict[str, str] = {}
        self.serials: dict[str, str] = {}
        self._named_gpu = ""
        self.recovery_action: str | None = None
        self.excerpt = Excerpt()

    def take(self, line: LogLine, boot: int) -> None:
        """One line of the log."""
        known = self._recognise(line.text) if line.from_kernel else _not_from_kernel(line)
        if isinstance(known, GpuSerial):
            self._identify(known)
        if isinstance(known, XidLine) and known.action and boot == 0:
            self.recovery_action = known.action
        if isinstance(known, XidLine) and line.at is not None:
            self._place(known, line.at, boot)
        if line.at is None or not self._selected(line, boot):
            return
        self.excerpt.take(line.raw, line.text)
        counted = self._count(known, line, line.at, boot)
        self.matched += (1 + line.folded) * (counted or bool(self._selection.patterns))

    def _identify(self, known: GpuSerial) -> None:
        """Note which part sits where; a later statement of the log replaces an earlier one."""
        self._named_gpu = known.pci or self._named_gpu
        if known.uuid and known.uuid != self.uuids.get(known.pci):
            self.uuids[known.pci] = known.uuid
            self.serials.pop(known.pci, None)
        if known.serial and self._named_gpu:
            self.serials[self._named_gpu] = known.serial

    def _selected(self, line: LogLine, boot: int) -> bool:
        chosen = self._selection
        if line.at is None or line.at < chosen.since or (chosen.boot is not None and boot != chosen.boot):
            return False
        return not chosen.patterns or any(pattern in line.raw.lower() for pattern in chosen.patterns)

    def _count(self, known: Recognised | None, line: LogLine, at: float, boot: int) -> bool:
        if isinstance(known, XidLine):
            self._count_xid(known, line, at, boot)
        elif isinstance(known, KernelLine):
            self._count_event(known, line, at, boot)
        return known is not None

    def _count_xid(self, known: XidLine, line: LogLine, at: float, boot: int) -> None:
        key = (boot, known.pci, known.xid)
        tally = self.xids.get(key)
        if tally is None:
            tally = self.xids[key] = Tally(boot, at, at, line.raw)
        tally.note(at, 1 + line.folded)
        tally.detail(known)
        if known.action:
            self._note(("recovery_action", known.pci, known.action), line, at, boot)

    def _place(self, known: XidLine, at: float, boot: int) -> None:
        """Put an Xid on the timeline, selected or not: what leads a burst does not depend on what was asked for."""
        if not self._just_seen(known.pci, known.xid, at):
            self.timeline.append(XidAt(at, boot, known.xid, known.pci))

    def bursts(self) -> Iterator[Burst]:
        """The bursts with a selected record in them, whole and numbered anew."""
        number = 0
        for burst in find_bursts(self.timeline):
            rows = (self.xids.get((burst.boot, pci, xid)) for pci in burst.pcis for xid in burst.xids)
            if any(row and row.first <= burst.ended and row.last >= burst.started for row in rows):
                number += 1
                yield replace(burst, number=number)

    def _just_seen(self, pci: str, xid: int, at: float) -> bool:
        """Whether the end of the timeline already stands for this record; a flood needs one entry a second."""
        last = self.timeline[-1] if self.timeline else None
        return last is not None and (last.pci, last.xid) == (pci, xid) and 0 <= at - last.at < 1.0

    def _count_event(self, known: KernelLine, line: LogLine, at: float, boot: int) -> None:
        kind, device = known.kind, known.device
        if kind == "banner_opens":
            self._open_banner = device
            return
        if kind == "banner_goes_on":
            return
        if kind == "off_bus_banner" and not device:
            device, self._open_banner = self._open_banner, ""
        family = "sxid" if kind.startswith("sxid") else kind
        seen = self._last_event.get((family, device))
        self._last_event[family, device] = at
        if known.continues and seen is not None and 0 <= at - seen <= _MERGE_S:
            return
        self._note((_with_class(kind, known.code), device, known.code), line, at, boot)

    def _note(self, what: tuple[str, str, str], line: LogLine, at: float, boot: int) -> None:
        key = (boot, *what)
        tally = self.events.get(key)
        if tally is None:
            tally = self.events[key] = Tally(boot, at, at, line.raw)
        tally.note(at, 1 + line.folded)


class Excerpt:
    """Lines with floods shortened: of lines that differ in numbers only, the first twenty are kept."""

    def __init__(self, keep: int = _KEEP_OF_A_KIND) -> None:
        self._keep = keep
        self._kept: list[str] = []
        self._seen: dict[str, int] = {}
        self._last: dict[str, str] = {}
        self._shape = _remembering(lambda text: _VARYING.sub("#", text))

    def take(self, raw: str, text: str) -> None:
        """One more line."""
        shape = self._shape(text)
        count = self._seen[shape] = self._seen.get(shape, 0) + 1
        if count <= self._keep:
            self._kept.append(raw)
        else:
            self._last[shape] = raw

    def lines(self) -> Iterator[str]:
        """The kept lines in order, then for each flood how many more there were and its last line."""
        yield from self._kept
        for shape, raw in self._last.items():
            yield f"[{self._seen[shape] - self._keep} more lines that differ in numbers only, the last of them:]"
            yield raw


def _with_class(kind: str, code: str) -> str:
    """A continuation line that lost its head does not say whether the SXid was fatal; the table does."""
    if kind != "sxid":
        return kind
    row = by_key("sxids").get(code)
    return "sxid_nonfatal" if row is not None and row["class"] == "nonfatal" else "sxid_fatal"


def _not_from_kernel(line: LogLine) -> Recognised | None:
    """A text that reads like an Xid: printed by a program, or in a line whose header says nothing of who wrote it."""
    if "NVRM: Xid (" not in line.text:
        return None
    return KernelLine(
        "other", line.program, "xid_text_not_from_kernel" if line.program else "xid_text_of_unknown_origin"
    )


def _remembering(function: Callable[[str], _Answer]) -> Callable[[str], _Answer]:
    """`function` with a bounded memory: a flood of equal lines is worked out once."""
    memory: dict[str, _Answer] = {}

    def remembered(text: str) -> _Answer:
        if text in memory:
            return memory[text]
        answer = function(text)
        if len(memory) < _MEMORY:
            memory[text] = answer
        return answer

    return remembered


def _covers(known: Known, selection: Selection, read_at: float) -> tuple[float, float] | None:
    """The selected stretch as far as the log reaches back; a log that is quiet at its end still covers it."""
    start, end = known.complete_from, read_at
    if selection.boot is not None:
        boot = next((boot for boot in known.boots if boot.number == selection.boot), None)
        start = _latest(start, boot.started) if boot is not None else None
        end = boot.ended if boot is not None and boot.ended is not None else read_at
    if start is None or end < selection.since:
        return None
    return max(start, selection.since), end


def _latest(one: float | None, other: float | None) -> float | None:
    return max((at for at in (one, other) if at is not None), default=None)
