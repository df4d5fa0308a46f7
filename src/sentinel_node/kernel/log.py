"""The kernel's log of one machine: this boot from the kernel's buffer, what is older from the journal.

The buffer is read into memory whenever somebody asks, and all the time where it is followed (`following.py`); what was
read cannot be overwritten any more. What the kernel overwrote between two readings is counted as lost. The journal is
asked only for what memory does not hold: earlier boots, and lines of this boot from before the first in memory. Where
one of the two is missing, the page says so; absence of a line proves nothing then.
"""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from pathlib import Path

from sentinel_node.domain.errors import NotFound, Unavailable
from sentinel_node.domain.kernel import KernelPage, KernelQuery, KernelRecord
from sentinel_node.kernel.journal import Journal, JournalPage
from sentinel_node.kernel.kmsg import KMSG, Kmsg, KmsgRecord
from sentinel_node.kernel.lines import Mention, mention_of
from sentinel_node.kernel.ring import Ring
from sentinel_node.kernel.selection import Selection

BOOT_ID = Path("/proc/sys/kernel/random/boot_id")
_NS_PER_US = 1000
_AT_ONCE = 500
_MOST_A_READING = 100_000

Heard = Callable[[Sequence[KernelRecord], int], None]
"""Hears lines, and how many were overwritten since the last ones; a line also stands for what is folded into it."""


def boot_start_unix_ns() -> int:
    """When this boot began, by the wall clock as it is now."""
    return time.time_ns() - time.clock_gettime_ns(time.CLOCK_BOOTTIME)


class KernelLog:
    """Reads the kernel's log. May be asked from any thread."""

    def __init__(
        self,
        journal: Journal,
        kmsg: Path = KMSG,
        boot_id: Path = BOOT_ID,
        boot_start: Callable[[], int] = boot_start_unix_ns,
    ) -> None:
        """Open what there is; what is missing is told with each reading."""
        self._journal = journal
        self._boot_start = boot_start
        self._ring = Ring()
        self._lock = threading.Lock()
        self._listeners: list[Heard] = []
        self._kmsg: Kmsg | None = None
        self._without_kmsg = ""
        try:
            self._boot_id = boot_id.read_text("ascii").strip().replace("-", "")
            self._kmsg = Kmsg(kmsg)
        except OSError as error:
            self._boot_id, self._without_kmsg = "", f"{boot_id}: {error.strerror}"
        except Unavailable as error:
            self._without_kmsg = str(error)

    def read(self, query: KernelQuery) -> KernelPage:
        """The lines that are wanted, the newest `query.limit`, oldest first.

        Raises:
            Unavailable: neither the kernel's buffer nor a journal can be read.
            NotFound: a boot that is not kept.
        """
        self._take_in_all()
        with self._lock:
            held, oldest = self._ring.records(), self._ring.oldest
            is_enough = self._is_enough(query, oldest)
        journal = JournalPage() if is_enough else self._journal.read(query)
        self._refuse_nothing(query, journal)
        selection = Selection(query)
        newer = [record for record in held if selection.takes(record)]
        older = [record for record in journal.records if not self._is_held(record, oldest)]
        found = [*older, *newer]
        return KernelPage(
            records=tuple(found[-query.limit :] if query.limit else ()),
            boots=self._boots(query, journal),
            is_truncated=journal.is_truncated or len(found) > query.limit,
            lost_lines=journal.lost_lines + self._lost(query, journal, oldest),
            missing=(*([self._without_kmsg] if self._without_kmsg else []), *journal.missing),
        )

    def listen(self, heard: Heard) -> None:
        """Hand over every line that memory holds, and from then on each that comes, whoever reads it.

        `heard` is called from the thread that reads, without a lock: two calls may overlap, and none is repeated.
        """
        with self._lock:
            held = self._ring.records()
            self._listeners.append(heard)
        heard(held, 0)

    def take_in(self, most: int) -> int:
        """Read what came since, about `most` lines of it; gives how many there were.

        Raises:
            Unavailable: the kernel's buffer cannot be read, or not any more.
        """
        with self._lock:
            came, lost_lines = self._taken(most)
            listeners = tuple(self._listeners)
        if came:
            for heard in listeners:
                heard(came, lost_lines)
        return len(came)

    def descriptor(self) -> int:
        """Where to wait for more; the caller's to close.

        Raises:
            Unavailable: as `take_in`.
        """
        with self._lock:
            return os.dup(self._opened().descriptor)

    def close(self) -> None:
        """Let go of the kernel's buffer."""
        with self._lock:
            self._forget("the kernel's log is closed")

    def _taken(self, most: int) -> tuple[list[KernelRecord], int]:
        """What came, now in memory, and how many lines were overwritten since the last time."""
        try:
            came = self._opened().records(most)
        except Unavailable as error:
            self._forget(str(error))
            raise
        start, is_first = self._boot_start(), self._ring.is_new
        records = [_record(record, self._boot_id, start) for record in came]
        gaps = [self._ring.add(record) for record in records]
        return records, sum(gaps[1:] if is_first else gaps)

    def _take_in_all(self) -> None:
        """What there is now; a storm that goes on while it is read is for the next reading."""
        with suppress(Unavailable):  # the page says why
            for _ in range(_MOST_A_READING // _AT_ONCE):
                if self.take_in(_AT_ONCE) < _AT_ONCE:
                    return

    def _opened(self) -> Kmsg:
        if self._kmsg is None:
            raise Unavailable(self._without_kmsg)
        return self._kmsg

    def _forget(self, why: str) -> None:
        if self._kmsg is not None:
            self._kmsg.close()
            self._kmsg, self._without_kmsg = None, why

    def _is_enough(self, query: KernelQuery, oldest: KernelRecord | None) -> bool:
        """Whether memory holds all that is asked for."""
        if self._kmsg is None or oldest is None:
            return False
        if query.boot_id == self._boot_id and self._ring.is_whole:
            return True
        return query.since_unix_ns >= oldest.unix_ns and query.boot_id in ("", self._boot_id)

    def _refuse_nothing(self, query: KernelQuery, journal: JournalPage) -> None:
        kept = {*journal.boots, *([self._boot_id] if self._kmsg is not None else [])}
        if not kept:
            raise Unavailable("; ".join(["no kernel log can be read", self._without_kmsg, *journal.missing]))
        if query.boot_id and query.boot_id not in kept:
            raise NotFound(f"no boot {query.boot_id!r:.80} is kept; there are {', '.join(sorted(kept))}")

    def _is_held(self, record: KernelRecord, oldest: KernelRecord | None) -> bool:
        """Whether memory has a line of the journal too."""
        return oldest is not None and record.boot_id == self._boot_id and record.monotonic_us >= oldest.monotonic_us

    def _lost(self, query: KernelQuery, journal: JournalPage, oldest: KernelRecord | None) -> int:
        """Lines missing in memory; those before its first one are not lost where the journal has this boot."""
        if query.boot_id not in ("", self._boot_id):
            return 0
        has_rest = oldest is not None and self._boot_id in journal.boots
        since = max(query.since_unix_ns, oldest.unix_ns if has_rest and oldest is not None else 0)
        return self._ring.lost_after(since)

    def _boots(self, query: KernelQuery, journal: JournalPage) -> tuple[str, ...]:
        if query.boot_id:
            return (query.boot_id,)
        current = [self._boot_id] if self._kmsg is not None and self._boot_id not in journal.boots else []
        return (*journal.boots, *current)


def _record(record: KmsgRecord, boot_id: str, start_unix_ns: int) -> KernelRecord:
    """A record of the device as a value; a line that a process wrote there names no fault."""
    mention = mention_of(record.message) if record.facility == 0 else Mention()
    return KernelRecord(
        boot_id=boot_id,
        sequence=record.sequence,
        monotonic_us=record.monotonic_us,
        unix_ns=start_unix_ns + record.monotonic_us * _NS_PER_US,
        level=record.level,
        message=record.message,
        source="kmsg",
        xid=mention.xid,
        sxid=mention.sxid,
        pci_bus_id=mention.pci_bus_id or record.pci_bus_id,
        aer=mention.aer,
        is_off_bus=mention.is_off_bus,
        is_from_kernel=record.facility == 0,
    )
