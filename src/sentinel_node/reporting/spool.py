"""The buffer on disk: what the gateway has not acknowledged survives a killed agent, and what does not fit is dropped
oldest first, and counted.

Records are numbered from 1 without gaps, over all restarts; the number is also the batch's on the wire, so the gateway
recognises what is sent again after a crash. What was acknowledged stands in a file of its own; where that is lost or
torn, everything that is still on disk is sent again, which does no harm.

**When it is on the disk.** Every append is written to the kernel before it returns, so a killed or crashed agent loses
nothing. A machine that loses power loses what the kernel had not written yet, up to half a minute, except what was
appended as `durable`: results that failed, for a node that fails them may be about to go down. One agent at a time has
the folder; a lock that dies with its process says so.
"""

from __future__ import annotations

import fcntl
import os
import zlib
from collections.abc import Iterator
from struct import Struct
from threading import Lock
from typing import Self

import structlog

from sentinel_node.domain.errors import BadConfiguration, Unavailable
from sentinel_node.reporting.segments import Record, Segment, encoded, found, named
from sentinel_node.reporting.settings import BufferSettings

log = structlog.get_logger(__name__)
_MARK = Struct(">QI")


class Spool:
    """See the module. Every method blocks for the disk, properties do not; safe from several threads."""

    def __init__(self, settings: BufferSettings) -> None:
        """Open the folder, or make it.

        Raises:
            BadConfiguration: it cannot be used, or another agent uses it.
        """
        self._settings, self._lock = settings, Lock()
        self.dropped = 0
        """Batches that were never acknowledged and are gone: for want of room, or because the disk lost them."""
        try:
            settings.folder.mkdir(parents=True, exist_ok=True, mode=0o700)
            self._held = os.open(settings.folder / "lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
            fcntl.flock(self._held, fcntl.LOCK_EX | fcntl.LOCK_NB)
            self._segments = found(settings.folder)
            self._mark = os.open(settings.folder / "acknowledged", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        except BlockingIOError as error:
            raise BadConfiguration(f"buffer folder {str(settings.folder)!r}: another agent uses it") from error
        except OSError as error:
            raise BadConfiguration(f"buffer folder {str(settings.folder)!r} cannot be used: {error}") from error
        self.acknowledged = _marked(os.pread(self._mark, _MARK.size, 0))
        """The number of the last record that needs no sending."""
        self._last = max(self.acknowledged, *(one.last for one in self._segments), 0)
        self._writing: int | None = None
        self._is_closed = False
        self._unreadable: set[int] = set()
        self._tell_damage()
        self._forget_empty()
        self._forget_acknowledged()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    @property
    def depth(self) -> int:
        """How many records wait. Does not block: whoever is just writing may make it off by what is written."""
        return sum(max(0, one.last - max(one.first - 1, self.acknowledged)) for one in tuple(self._segments))

    @property
    def size_bytes(self) -> int:
        """What all segments take; does not block either."""
        return sum(one.size_bytes for one in tuple(self._segments))

    def append(self, content: bytes, *, durable: bool = False) -> int:
        """Keep a record, and give its number; `durable`: also where the machine loses power now.

        Raises:
            Unavailable: the disk does not take it; nothing was kept.
        """
        with self._lock:
            if self._is_closed:
                raise Unavailable(f"buffer folder {str(self._settings.folder)!r}: it was closed, and may be another's")
            data = encoded(Record(self._last + 1, content))
            try:
                self._make_room(len(data))
                self._write(data, durable=durable)
            except OSError as error:
                self._abandon_segment()
                raise Unavailable(f"buffer folder {str(self._settings.folder)!r}: {error}") from error
            return self._last

    def read(self, after: int, most: int) -> list[Record]:
        """The oldest records beyond number `after`, at most so many; [] where none wait."""
        with self._lock:
            numbers = self._waiting(max(after, self.acknowledged))
            records = (self._read(segment, number) for segment, number in numbers)
            kept = (record for record in records if record is not None)
            return [record for record, _ in zip(kept, range(most), strict=False)]

    def acknowledge(self, number: int) -> None:
        """Nothing up to `number` has to be sent any more; a disk that does not take it has it sent again some day."""
        with self._lock:
            if number <= self.acknowledged:
                return
            self.acknowledged = number
            try:
                os.pwrite(self._mark, _MARK.pack(number, zlib.crc32(number.to_bytes(8))), 0)
                self._forget_acknowledged()
            except OSError as error:
                log.warning("buffer.not_marked", number=number, error=str(error))

    def close(self) -> None:
        """Write everything to the disk, and let go of the folder."""
        with self._lock:
            self._is_closed = True
            self._end_segment()
            os.close(self._mark)
            os.close(self._held)

    def _waiting(self, after: int) -> Iterator[tuple[Segment, int]]:
        for segment in list(self._segments):
            for number in range(max(segment.first, after + 1), segment.last + 1):
                yield segment, number

    def _read(self, segment: Segment, number: int) -> Record | None:
        record = segment.read(number)
        if record is None and number not in self._unreadable:
            self._unreadable.add(number)
            self.dropped += 1
            log.error("buffer.record_lost", file=segment.path.name, number=number)
        return record

    def _write(self, data: bytes, *, durable: bool) -> None:
        if self._segments and self._segments[-1].size_bytes >= self._settings.segment_bytes:
            self._end_segment()
        if self._writing is None:
            segment = Segment(named(self._settings.folder, self._last + 1), self._last + 1)
            flags = os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC
            self._writing = os.open(segment.path, flags, 0o600)
            self._segments.append(segment)
        segment = self._segments[-1]
        start = segment.size_bytes
        if os.pwrite(self._writing, data, start) < len(data):
            raise OSError("the disk is full")
        if durable:
            os.fdatasync(self._writing)
        segment.ends.append(start + len(data))
        self._last += 1

    def _end_segment(self) -> None:
        """Go on in another file."""
        if self._writing is not None:
            os.fdatasync(self._writing)
            os.close(self._writing)
            self._writing = None

    def _abandon_segment(self) -> None:
        """Go on in another file after a write that failed, and cut off what it left, which may be a whole record."""
        if self._writing is None:
            return
        writing, self._writing = self._writing, None
        try:
            os.ftruncate(writing, self._segments[-1].size_bytes if self._segments else 0)
        except OSError as error:
            log.error("buffer.not_cut_off", file=self._segments[-1].path.name, error=str(error))  # noqa: TRY400
        os.close(writing)
        self._forget_empty()

    def _make_room(self, more_bytes: int) -> None:
        while self._segments and self.size_bytes + more_bytes > self._settings.limit_bytes:
            oldest = self._segments.pop(0)
            if not self._segments:
                self._end_segment()
            lost = max(0, oldest.last - max(oldest.first - 1, self.acknowledged))
            self.dropped += lost
            oldest.path.unlink(missing_ok=True)
            log.error("buffer.full", lost_batches=lost, limit_bytes=self._settings.limit_bytes)

    def _forget_acknowledged(self) -> None:
        while self._segments and self._segments[0].last <= self.acknowledged:
            if len(self._segments) == 1 and self._writing is not None:
                return
            self._segments.pop(0).path.unlink(missing_ok=True)

    def _forget_empty(self) -> None:
        """The next record would begin a file of the same name."""
        for segment in [one for one in self._segments if not one.ends]:
            self._segments.remove(segment)
            segment.path.unlink(missing_ok=True)

    def _tell_damage(self) -> None:
        """Say what was cut off, and count it as lost where the file behind tells how many records it were."""
        for segment, first_behind in zip(self._segments, [*(one.first for one in self._segments[1:]), 0], strict=False):
            if segment.torn_bytes:
                lost = max(0, first_behind - 1 - max(segment.last, self.acknowledged))
                if segment.is_aside and segment.first > self.acknowledged:
                    lost = max(lost, 1)  # of the newest file nobody knows how many
                self.dropped += lost
                fields = {"cut_off_bytes": segment.torn_bytes, "lost_batches": lost}
                log.warning("buffer.torn", file=segment.path.name, **fields)


def _marked(data: bytes) -> int:
    """The number in the file of what was acknowledged; 0 where it cannot be believed."""
    if len(data) != _MARK.size:
        return 0
    number, crc = _MARK.unpack(data)
    return int(number) if zlib.crc32(data[:8]) == crc else 0
