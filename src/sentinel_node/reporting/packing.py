"""A batch as the buffer holds it: the wire's message, compressed.

Every execution of a batch names the same GPU and mostly the same hashes, so the fastest compression leaves about a
fifth; ids and signatures are what remains. 256 MiB then hold about as long as a gateway takes old results (24 hours).
The batch's number is not in it: it is the record's.
"""

from __future__ import annotations

import zlib

from sentinel.v1 import probe_pb2
from sentinel_sdk.types import ProbeResultBatch

_FASTEST = 1


def packed(batch: probe_pb2.ProbeResultBatch) -> bytes:
    """A batch for the buffer."""
    return zlib.compress(batch.SerializeToString(), _FASTEST)


def unpacked(number: int, content: bytes) -> ProbeResultBatch:
    """A batch as it was, with the number that makes it known again."""
    batch = ProbeResultBatch.from_proto(probe_pb2.ProbeResultBatch.FromString(zlib.decompress(content)))
    batch.sequence_number = number
    return batch
