"""The kernel's own buffer, `/dev/kmsg`: records as they come, the oldest kept first, never waiting.

A record is ``priority,sequence,microseconds,flags;text``, then lines with a leading space that name the device; text
has bytes other than printable ASCII written as ``\\xNN`` (Documentation/ABI/testing/dev-kmsg of the kernel's source).
The kernel numbers records, so what it overwrote before we came shows as a gap. Whoever may write to the device can put
lines there; the kernel marks them with a facility other than 0, and such lines are kept but prove no fault.
"""

from __future__ import annotations

import os
import re
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from sentinel_node.domain.errors import Unavailable
from sentinel_node.domain.pci import kernel_form

KMSG = Path("/dev/kmsg")

_HEAD = re.compile(rb"(\d+),(\d+),(\d+),[^;]*;(.*)", re.DOTALL)
_DEVICE = re.compile(rb" DEVICE=\+pci:(\S+)")
_ESCAPE = re.compile(rb"\\x([0-9a-fA-F]{2})")
_LARGEST_READ = 1 << 16  # A record is 8 KiB at most; a shorter buffer is refused with EINVAL.
_LEVELS = 8


@dataclass(frozen=True, slots=True)
class KmsgRecord:
    """One record as the kernel gave it."""

    level: int
    facility: int
    """0 for the kernel itself; anything else was written by a process."""
    sequence: int
    monotonic_us: int
    message: str
    pci_bus_id: str = ""
    """Of the device that the kernel filed the record under, where it did."""


def parse_record(lines: bytes) -> KmsgRecord | None:
    """One record with its further lines; None for what is none."""
    head, *rest = lines.split(b"\n")
    found = _HEAD.fullmatch(head)
    if found is None:
        return None
    priority = int(found[1])
    device = next((match for match in map(_DEVICE.match, rest) if match), None)
    return KmsgRecord(
        level=priority % _LEVELS,
        facility=priority // _LEVELS,
        sequence=int(found[2]),
        monotonic_us=int(found[3]),
        message=one_line(_ESCAPE.sub(lambda escape: bytes.fromhex(escape[1].decode()), found[4])),
        pci_bus_id=kernel_form(device[1].decode("ascii", "replace")) if device else "",
    )


def one_line(text: bytes) -> str:
    """Text with control characters and bytes that are no UTF-8 written as ``\\xNN``."""
    decoded = text.decode("utf-8", "backslashreplace")
    if decoded.isprintable():
        return decoded
    return "".join(character if character.isprintable() else _escaped(character) for character in decoded)


def _escaped(character: str) -> str:
    code = ord(character)
    return f"\\x{code:02x}" if code <= 0xFF else f"\\u{code:04x}"


class Kmsg:
    """The open device."""

    def __init__(self, path: Path = KMSG, read: Callable[[int, int], bytes] = os.read) -> None:
        """Open it, at the oldest record that the kernel keeps.

        Raises:
            Unavailable: it is not there, or may not be read.
        """
        self._read = read
        self._left = b""
        try:
            self.descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
        except OSError as error:
            raise Unavailable(
                f"{path}: {error.strerror}; run as root with CAP_SYSLOG and, in a container, with the host's /dev/kmsg"
            ) from error

    def records(self, most: int) -> list[KmsgRecord]:
        """What came since, about `most` records of it; fewer when there are no more now.

        Raises:
            Unavailable: the device cannot be read any more.
        """
        found: list[KmsgRecord] = []
        while len(found) < most and (chunk := self._chunk()):
            found += self._parsed(chunk)
        return found

    def close(self) -> None:
        """Let go of the device."""
        os.close(self.descriptor)

    def _chunk(self) -> bytes:
        """What one read gives, which is one record of the real device; empty where there is nothing now."""
        while True:
            try:
                return self._read(self.descriptor, _LARGEST_READ)
            except BlockingIOError:
                return b""
            except BrokenPipeError:
                continue  # Overwritten below us: the next read gives the oldest that is left, with a gap in its number.
            except OSError as error:
                raise Unavailable(f"the kernel's log cannot be read any more: {error.strerror}") from error

    def _parsed(self, chunk: bytes) -> list[KmsgRecord]:
        whole, end, self._left = (self._left + chunk).rpartition(b"\n")
        if not end:
            return []
        records = (parse_record(lines) for lines in re.split(rb"\n(?! )", whole))
        return [record for record in records if record is not None]
