"""One file of the buffer: records one after the other, each with its number and a checksum.

A record is 16 bytes of header (length and CRC-32, four bytes each, and the number, eight; big-endian), then the
content; the checksum covers length, number and content. A process that is killed leaves at worst the beginning of a
record at the end of the newest file. A record whose checksum is wrong keeps its place where a right one follows in its
turn: only that one is lost then. Everything behind the last right one is cut off when the file is opened, for after a
wrong length nothing can be found.
"""

from __future__ import annotations

import os
import zlib
from array import array
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from struct import Struct

import structlog

log = structlog.get_logger(__name__)

_HEADER = Struct(">IIQ")
_CHECKED = Struct(">IQ")
_SUFFIX = ".records"
_ASIDE = ".unreadable"
_DIGITS = 20


@dataclass(frozen=True, slots=True)
class Record:
    """One record as it was appended."""

    number: int
    content: bytes = field(repr=False)


@dataclass(slots=True)
class Segment:
    """A file, and where its records are. Numbers in it have no gaps."""

    path: Path
    first: int
    """The number of its first record."""
    ends: array[int] = field(default_factory=lambda: array("Q"))
    """Where each record ends, in bytes from the start of the file."""
    torn_bytes: int = 0
    """What was cut off when it was opened."""
    is_aside: bool = False
    """Whether all of it was, for the disk did not give it back."""

    @property
    def last(self) -> int:
        """The number of its last record; one less than `first` where it has none."""
        return self.first + len(self.ends) - 1

    @property
    def size_bytes(self) -> int:
        """What its records take."""
        return self.ends[-1] if self.ends else 0

    def read(self, number: int) -> Record | None:
        """One of its records; None where the disk no longer gives back what was written."""
        place = number - self.first
        start = self.ends[place - 1] if place else 0
        try:
            with self.path.open("rb") as file:
                file.seek(start)
                return _whole(file.read(self.ends[place] - start))
        except OSError:
            return None


def named(folder: Path, first: int) -> Path:
    """The file of a segment; names sort as numbers do."""
    return folder / f"{first:0{_DIGITS}}{_SUFFIX}"


def found(folder: Path) -> list[Segment]:
    """The segments of a folder, oldest first; what is not whole at their ends is cut off on disk.

    A file that the disk does not give back is set aside under another name, and stands here without records.

    Raises:
        OSError: the folder cannot be used.
    """
    paths = sorted(path for path in folder.glob(f"*{_SUFFIX}") if path.stem.isdecimal())
    return [_opened_or_set_aside(path) for path in paths]


def encoded(record: Record) -> bytes:
    """A record for the file."""
    checked = _CHECKED.pack(len(record.content), record.number)
    crc = zlib.crc32(record.content, zlib.crc32(checked))
    return _HEADER.pack(len(record.content), crc, record.number) + record.content


def _opened_or_set_aside(path: Path) -> Segment:
    try:
        return _opened(path)
    except OSError as error:
        aside = path.replace(path.with_suffix(_ASIDE))
        log.error("buffer.file_unreadable", file=aside.name, error=str(error))  # noqa: TRY400 - the trace says no more
        return Segment(path, int(path.stem), torn_bytes=aside.stat().st_size, is_aside=True)


def _opened(path: Path) -> Segment:
    segment, data = Segment(path, int(path.stem)), path.read_bytes()
    ends, sound = array("Q"), 0
    for start, end in _places(data, segment.first):
        ends.append(end)
        if _whole(data[start:end]) is not None:
            sound = len(ends)
    segment.ends.extend(ends[:sound])
    if segment.size_bytes < len(data):
        os.truncate(path, segment.size_bytes)
        segment.torn_bytes = len(data) - segment.size_bytes
    return segment


def _places(data: bytes, number: int) -> Iterator[tuple[int, int]]:
    """Start and end of the records from `number` on, for as long as length and number are what they can be."""
    start = 0
    while start + _HEADER.size <= len(data):
        length, _, told = _HEADER.unpack_from(data, start)
        end = start + _HEADER.size + length
        if told != number or end > len(data):
            return
        yield start, end
        start, number = end, number + 1


def _whole(data: bytes) -> Record | None:
    """The record that `data` is; None where it is not as it was written."""
    if len(data) < _HEADER.size:
        return None
    length, crc, number = _HEADER.unpack_from(data)
    content = data[_HEADER.size :]
    if len(content) != length or zlib.crc32(content, zlib.crc32(_CHECKED.pack(length, number))) != crc:
        return None
    return Record(number, content)
