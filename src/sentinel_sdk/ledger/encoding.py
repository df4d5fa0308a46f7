"""The bytes of an entry that are hashed, byte by byte in `docs/sentinel-ledger.md`.

Every column is in them and no two entries have the same ones: all numbers have fixed widths, everything else its length
before it, an absent GPU is told from an empty one, and a domain tag keeps them apart from whatever else is hashed
anywhere. The hash of an entry is the leaf hash of RFC 6962 over these bytes, so one hash serves chain and tree.

Verification of many entries is a loop over `ENTRY_PREFIX`, `HEADER` and `gpu_part`; `canonical` is the same for one.
"""

from __future__ import annotations

import struct
from hashlib import sha256

from sentinel_sdk.ledger.entry import Entry, EntryGpu

DOMAIN_TAG = b"sentinel.audit.entry.v1"
ENTRY_PREFIX = b"\x00" + DOMAIN_TAG
"""What a hashed entry begins with: RFC 6962's mark of a leaf, and the tag."""
HEADER = struct.Struct(">Qiq32sI")
"""Id, type, time in ns, previous hash, length of the data."""
NO_GPU = b"\x00"

_LENGTH = struct.Struct(">I")


def canonical(entry: Entry) -> bytes:
    """The canonical bytes, without the mark of a leaf; `entry_hash` and `merkle_root` are not part of them.

    Raises:
        ValueError: a number that does not fit its width, or a previous hash that is not 32 bytes.
    """
    if len(entry.previous_hash) != HEADER.size - 24:
        raise ValueError(f"previous_hash has {len(entry.previous_hash)} bytes, not 32")
    try:
        header = HEADER.pack(entry.entry_id, entry.entry_type, entry.timestamp_ns, entry.previous_hash, len(entry.data))
        return DOMAIN_TAG + header + gpu_part(entry.gpu) + entry.data
    except struct.error as error:
        raise ValueError(f"entry {entry.entry_id} has a number that does not fit: {error}") from error


def entry_hash(entry: Entry) -> bytes:
    """The hash that links the chain and is the leaf of the tree: SHA-256 over 0x00 and the canonical bytes."""
    return sha256(b"\x00" + canonical(entry)).digest()


def gpu_part(gpu: EntryGpu | None) -> bytes:
    """What the canonical bytes say about the GPU."""
    if gpu is None:
        return NO_GPU
    texts = (gpu.uuid, gpu.hostname, gpu.model, gpu.driver_version, gpu.firmware_version)
    return gpu_part_of_bytes(gpu.device_index, *(text.encode("utf-8", "surrogateescape") for text in texts))


def gpu_part_of_bytes(device_index: int, *texts: bytes) -> bytes:
    """`gpu_part` from UUID, host name, model, driver and firmware version as they are stored."""
    lengthened = b"".join(_LENGTH.pack(len(text)) + text for text in texts)
    return b"\x01" + _LENGTH.pack(device_index) + lengthened
