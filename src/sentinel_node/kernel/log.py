"""The kernel's log of one machine: this boot from the kernel's buffer, what is older from the journal.

The buffer is read into memory whenever somebody reads or follows, and only then; what was read cannot be overwritten
any more. What the kernel overwrote between two readings is counted as lost. The journal is asked only for what memory
does not hold: earlier boots, and lines of this boot from before the first in memory. Where one of the two is missing,
the page says so; absence of a line proves nothing then.
"""

from __future__ import annotations

import asyncio
import os
import threading
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
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


def boot_start_unix_ns() -> int:
    """When this boot began, by the wall clock as it is now."""
    return time.time_ns() - time.clock_gettime_ns(time.CLOCK_BOOTTIME)


class KernelLog:
    """Reads the kernel's log. May be asked from any thread; `follow` belongs to an event loop."""

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
        self._listeners: set[Callable[[], object]] = set()
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

    @asynccontextmanager
    async def follow(self) -> AsyncIterator[AsyncIterator[KernelRecord]]:
        """New lines as they come, from entering on and without end; a gap in `sequence` is what came too fast.

        Raises:
            Unavailable: there is no kernel buffer to follow.
        """
        if self._kmsg is None:
            raise Unavailable(self._without_kmsg)
        await asyncio.to_thread(self._take_in_all)
        loop, news = asyncio.get_running_loop(), asyncio.Event()
        descriptor = os.dup(self._kmsg.descriptor)  # Each follower waits on its own; they read together.

        def wake() -> None:
            loop.call_soon_threadsafe(news.set)

        self._listeners.add(wake)
        loop.add_reader(descriptor, self._take_in)
        try:
            yield self._news(news, self._ring.added)
        finally:
            self._listeners.discard(wake)
            loop.remove_reader(descriptor)
            os.close(descriptor)

    async def _news(self, news: asyncio.Event, position: int) -> AsyncIterator[KernelRecord]:
        while True:
            await news.wait()
            news.clear()
            if self._kmsg is None:
                raise Unavailable(self._without_kmsg)
            with self._lock:
                records, position = list(self._ring.newer(position)), self._ring.added
            for record in records:
                yield record

    def close(self) -> None:
        """Let go of the kernel's buffer."""
        with self._lock:
            if self._kmsg is not None:
                self._kmsg.close()
            self._kmsg, self._without_kmsg = None, "the kernel's log is closed"
        self._wake_followers()

    def _take_in_all(self) -> None:
        while self._take_in():
            pass

    def _take_in(self) -> bool:
        """Read some of what came; says whether there may be more."""
        with self._lock:
            if self._kmsg is None:
                return False
            try:
                came = self._kmsg.records(_AT_ONCE)
            except Unavailable as error:
                self._kmsg.close()
                self._kmsg, self._without_kmsg = None, str(error)
                self._wake_followers()
                return False
            start = self._boot_start()
            for record in came:
                self._ring.add(_record(record, self._boot_id, start))
        if came:
            self._wake_followers()
        return len(came) >= _AT_ONCE

    def _wake_followers(self) -> None:
        for wake in tuple(self._listeners):
            wake()

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
    )
