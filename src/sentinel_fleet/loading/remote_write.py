"""Samples to a real Prometheus by remote write 1.0, as `prometheus.WriteRequest` in Snappy's block format.

Text that promtool makes blocks of cannot say that a series has ended; this can. The message is four fields deep and
Snappy allows data that is not compressed, so neither needs a library
(https://prometheus.io/docs/specs/prw/remote_write_spec/, https://github.com/google/snappy/blob/main/format_description.txt).

Prometheus takes samples that are at most an hour older than its newest: everything is sent one stretch of time after
the other.
"""

from __future__ import annotations

import struct
from bisect import bisect_left
from collections.abc import Iterator, Sequence
from io import BytesIO

import aiohttp

from sentinel_fleet.loading.samples import Written

_STRETCH_S = 1800.0
_SAMPLES_TOGETHER = 200_000
_HEADERS = {
    "Content-Type": "application/x-protobuf",
    "Content-Encoding": "snappy",
    "X-Prometheus-Remote-Write-Version": "0.1.0",
}
_LITERAL_BYTES = 1 << 16


async def send(session: aiohttp.ClientSession, series: Sequence[Written]) -> int:
    """Send all samples, oldest first; how many they were.

    `session` has the URL of a Prometheus that takes remote writes as its base.

    Raises:
        aiohttp.ClientError: it did not take them.
    """
    sent = 0
    for body, count in _requests(series):
        async with session.post("/api/v1/write", data=BytesIO(uncompressed(body)), headers=_HEADERS) as answer:
            answer.raise_for_status()
        sent += count
    return sent


def _requests(series: Sequence[Written]) -> Iterator[tuple[bytes, int]]:
    """The requests' bodies and how many samples each holds."""
    if not series:
        return
    begin, end = min(one.samples[0][0] for one in series), max(one.samples[-1][0] for one in series)
    heads = [b"".join(_field(1, _label(item)) for item in sorted(one.labels.items())) for one in series]
    moments = [[at for at, _ in one.samples] for one in series]
    parts: list[bytes] = []
    count = 0
    low = begin
    while low <= end:
        for one, head, times in zip(series, heads, moments, strict=True):
            first, last = bisect_left(times, low), bisect_left(times, low + _STRETCH_S)
            if first == last:
                continue
            parts.append(_field(1, head + b"".join(map(_sample, one.samples[first:last]))))
            count += last - first
            if count >= _SAMPLES_TOGETHER:
                yield b"".join(parts), count
                parts, count = [], 0
        low += _STRETCH_S
    if parts:
        yield b"".join(parts), count


def uncompressed(data: bytes) -> bytes:
    """`data` as Snappy would unpack it, all of it literal."""
    pieces = [_varint(len(data))]
    for first in range(0, len(data), _LITERAL_BYTES):
        piece = data[first : first + _LITERAL_BYTES]
        pieces += [b"\xf4", struct.pack("<H", len(piece) - 1), piece]  # a literal whose length has two bytes
    return b"".join(pieces)


def _sample(sample: tuple[float, float]) -> bytes:
    at, value = sample
    content = b"\x09" + struct.pack("<d", value) + b"\x10" + _varint(round(at * 1000))
    return b"\x12" + _varint(len(content)) + content


def _label(item: tuple[str, str]) -> bytes:
    name, value = item
    return _field(1, name.encode()) + _field(2, value.encode())


def _field(number: int, content: bytes) -> bytes:
    return bytes([number << 3 | 2]) + _varint(len(content)) + content


def _varint(number: int) -> bytes:
    parts = bytearray()
    while number > 0x7F:
        parts.append(number & 0x7F | 0x80)
        number >>= 7
    parts.append(number)
    return bytes(parts)
