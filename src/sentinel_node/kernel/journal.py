"""The persistent journal: the kernel's lines of this boot and of earlier ones, through `journalctl`.

The journal's files have no other reader that we may depend on. The program runs with a fixed list of arguments, no
shell and an empty environment; what varies in them is numbers, a path from the settings and an identifier of
hexadecimal digits. It prints the newest line first, so that reading can stop when enough was found, and it is killed at
a deadline.
"""

from __future__ import annotations

import json
import re
import subprocess
import threading
from collections.abc import Generator, Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass, field
from datetime import timedelta
from functools import partial
from pathlib import Path

from sentinel_node.domain.kernel import KernelQuery, KernelRecord
from sentinel_node.kernel.journal_records import Entry, parse_entry
from sentinel_node.kernel.selection import Selection
from sentinel_node.kernel.storms import StormFilter

JOURNALCTL = (Path("/usr/bin/journalctl"), Path("/bin/journalctl"))
DEADLINE = timedelta(seconds=6)
"""For each of the two questions of a reading: which boots, and which lines."""
MOST_BYTES = 64 << 20
"""Of the program's output that one reading takes, about 100,000 lines."""

_LONGEST_LINE = 1 << 20
_MOST_COMPLAINTS = 5
_NS_PER_S = 1_000_000_000
_WRITTEN_LATER_S = 600  # The program's window is of when lines were stored, which early in a boot is after they came.
_FIELDS = "MESSAGE,PRIORITY,SYSLOG_FACILITY,_SOURCE_MONOTONIC_TIMESTAMP,_KERNEL_DEVICE,_TRANSPORT"
_LOST_LINES = "MESSAGE_ID=e9bf28e6e834481bb6f48f548ad13606"  # SD_MESSAGE_JOURNAL_MISSED, systemd's sd-messages.h
_BOOT = re.compile(r"\s*-?\d+ ([0-9a-f]{32}) ")


@dataclass(slots=True)
class JournalPage:
    """What the journal gave."""

    records: list[KernelRecord] = field(default_factory=list)
    """Oldest first."""
    boots: list[str] = field(default_factory=list)
    """All that it keeps, oldest first."""
    lost_lines: int = 0
    is_truncated: bool = False
    missing: list[str] = field(default_factory=list)


class Journal:
    """Reads the journal of this machine, or one in a directory."""

    def __init__(
        self,
        directory: Path | None = None,
        programs: Sequence[Path] = JOURNALCTL,
        deadline: timedelta = DEADLINE,
    ) -> None:
        self._source = () if directory is None else (f"--directory={directory}",)
        self._programs = programs
        self._deadline_s = deadline.total_seconds()

    def read(self, query: KernelQuery) -> JournalPage:
        """The newest lines that `query` asks for; what could not be read is said in the page."""
        page = JournalPage()
        program = next((path for path in self._programs if path.exists()), None)
        if program is None:
            page.missing.append("journalctl is not installed here: earlier boots are unknown")
            return page
        page.boots = self._boots(program, page)
        if page.boots and (not query.boot_id or query.boot_id in page.boots):
            self._read_lines(program, query, page)
        elif not page.boots and not page.missing:
            page.missing.append("no persistent journal is kept here: earlier boots are unknown")
        return page

    def _boots(self, program: Path, page: JournalPage) -> list[str]:
        boots: list[str] = []
        for line in self._run((str(program), *self._source, "--list-boots", "--no-pager"), page):
            if boot := _BOOT.match(line.decode("utf-8", "replace")):
                boots.append(boot[1])
            elif not line.startswith(b"IDX"):
                _complain(page, line)
        return boots

    def _read_lines(self, program: Path, query: KernelQuery, page: JournalPage) -> None:
        selection = Selection(query)
        storms = StormFilter()
        with closing(self._run((str(program), *self._source, *_arguments(query)), page)) as lines:
            for entry in _entries(lines, page):
                page.lost_lines += entry.lost_lines
                if entry.record is None or not selection.takes(entry.record):
                    continue
                page.records += storms.newer_first(entry.record)
                if len(page.records) > query.limit:
                    break
        page.records += storms.rest()
        page.is_truncated = len(page.records) > query.limit
        page.records = page.records[: query.limit][::-1]

    def _run(self, command: Sequence[str], page: JournalPage) -> Generator[bytes]:
        """The program's lines, what it complains of among them; ends it when the caller has enough."""
        with subprocess.Popen(  # noqa: S603 - no shell; the arguments are described above
            command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, env={}, cwd="/"
        ) as process:
            overdue = threading.Event()
            timer = threading.Timer(self._deadline_s, _end, (process, overdue))
            timer.start()
            try:
                yield from iter(partial(_next_line, process), b"")
            finally:
                timer.cancel()
                process.kill()
        if overdue.is_set():
            page.missing.append(f"the journal was not read to its end within {self._deadline_s:g} s")


def _arguments(query: KernelQuery) -> list[str]:
    """What to ask the program for, newest first; the window is wider than asked, and cut to size later."""
    options = ["--output=json", f"--output-fields={_FIELDS}", "--all", "--no-pager", "--reverse"]
    if query.since_unix_ns:
        options.append(f"--since=@{query.since_unix_ns // _NS_PER_S}")
    if query.until_unix_ns:
        options.append(f"--until=@{query.until_unix_ns // _NS_PER_S + _WRITTEN_LATER_S}")
    boot = [f"_BOOT_ID={query.boot_id}"] if query.boot_id else []
    return [*options, *boot, "_TRANSPORT=kernel", "+", *boot, _LOST_LINES]


def _next_line(process: subprocess.Popen[bytes]) -> bytes:
    return b"" if process.stdout is None else process.stdout.readline(_LONGEST_LINE)


def _entries(lines: Iterator[bytes], page: JournalPage) -> Iterator[Entry]:
    taken = 0
    for line in lines:
        taken += len(line)
        if taken > MOST_BYTES:
            page.missing.append("the journal holds more than is read at once; ask for a shorter time")
            return
        if not line.startswith(b"{"):
            _complain(page, line)
        elif (entry := _entry(line)) is not None:
            yield entry


def _entry(line: bytes) -> Entry | None:
    try:
        fields = json.loads(line)
    except ValueError:
        return None  # The last line of a program that was ended.
    return parse_entry(fields) if isinstance(fields, dict) else None


def _complain(page: JournalPage, line: bytes) -> None:
    if len(page.missing) < _MOST_COMPLAINTS:
        page.missing.append(f"journalctl: {line.decode('utf-8', 'replace').strip()[:200]}")


def _end(process: subprocess.Popen[bytes], overdue: threading.Event) -> None:
    overdue.set()
    process.kill()
