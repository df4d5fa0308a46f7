"""Large bodies (tool results, transcripts) by content: compressed, stored once however often they are named, never cut.

The name of a body is the SHA-256 of its JSON text, so one that was damaged in storage is noticed when it is read. Keys
keep their order in that text: whoever renders a stored summary again must get the same words, and the same code writes
them in the same order anyway.

A body that nothing names any more is deleted by retention.py. `puts` counts how often it was stored: a deletion that
looked before somebody stored the body again finds another count and leaves it.
"""

from __future__ import annotations

import asyncio
import hashlib
import json
import zlib
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.ext.asyncio import AsyncConnection

from gcm_sentinel.domain.errors import BadResponse
from gcm_sentinel.domain.jsontypes import Json
from gcm_sentinel.storage.schema import blobs

_LEVEL = 6
"""zlib's default: kernel logs shrink to a tenth at about 60 MiB/s."""


@dataclass(frozen=True, slots=True)
class Blob:
    """One body, ready to be stored."""

    digest: str
    """SHA-256 (hex) of the JSON text."""
    raw_bytes: int
    """Length of the JSON text."""
    body: bytes
    """Compressed."""


async def pack(value: Json) -> Blob:
    """`value` as a body. In a thread: a megabyte takes tens of milliseconds."""
    return await asyncio.to_thread(_pack, value)


def _pack(value: Json) -> Blob:
    text = json.dumps(value, separators=(",", ":"), default=_plain).encode("ascii")
    return Blob(hashlib.sha256(text).hexdigest(), len(text), zlib.compress(text, _LEVEL))


def _plain(value: object) -> Json:
    """What JSON has no word for: a mapping of another kind, and as its text what a source let slip into a summary."""
    return dict(value) if isinstance(value, Mapping) else str(value)


async def keep(connection: AsyncConnection, blob: Blob) -> None:
    """Store `blob` in the running transaction, in which the row that names it must be written too."""
    insert = sqlite.insert if connection.dialect.name == "sqlite" else postgresql.insert
    statement = insert(blobs).values(
        digest=blob.digest, raw_bytes=blob.raw_bytes, stored_bytes=len(blob.body), puts=1, body=blob.body
    )
    # The update takes the row's lock even where nothing else changes, so that no deletion passes by.
    again = statement.on_conflict_do_update(index_elements=["digest"], set_={"puts": blobs.c.puts + 1})
    await connection.execute(again)


def unpack(digest: str, body: bytes | None) -> Any:  # noqa: ANN401 - the caller reads it with JsonReader
    """The value that was packed under `digest`.

    Raises:
        BadResponse: the body is missing, or is not what was stored.
    """
    if body is None:
        raise BadResponse(f"the stored body {digest[:12]} is missing")
    try:
        text = zlib.decompress(body)
    except zlib.error as error:
        raise BadResponse(f"the stored body {digest[:12]} is damaged: {error}") from error
    if (found := hashlib.sha256(text).hexdigest()) != digest:
        raise BadResponse(f"the stored body {digest[:12]} is damaged: its content has the digest {found[:12]}")
    return json.loads(text)
