"""Transcripts as bodies: a result that is stored as evidence too is left out of them, and put back on reading.

A transcript names every result it was built from, so storing it whole would store all evidence twice.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace

import structlog
from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncConnection

from gcm_sentinel.domain.errors import BadResponse
from gcm_sentinel.domain.evidence import Evidence, ResultStatus, ToolResult
from gcm_sentinel.domain.transcript import Entry, ToolReplies, Transcript
from gcm_sentinel.domain.transcript_json import transcript_from_json, transcript_to_json
from gcm_sentinel.storage.blobs import Blob, pack, unpack
from gcm_sentinel.storage.codecs import DAMAGE
from gcm_sentinel.storage.schema import evidence

log = structlog.get_logger(__name__)

_LEFT_OUT = ToolResult(
    status=ResultStatus.UNAVAILABLE, query="", note="this result is not in storage any more, or cannot be read"
)
"""Stands for a result that is stored as evidence; its note is what a reader sees where it cannot be put back."""


async def bare_transcript(connection: AsyncConnection, investigation_id: str, transcript: Transcript) -> Blob:
    """`transcript` as a body, without the results that are stored as evidence of `investigation_id`."""
    of_it = evidence.c.investigation_id == investigation_id
    rows = await connection.execute(select(evidence.c.id, evidence.c.digest).where(of_it))
    stored = {(row.id, row.digest) for row in rows}

    def bare(piece: Evidence) -> Evidence:
        return replace(piece, result=_LEFT_OUT) if (piece.id, piece.digest) in stored else piece

    return await pack(transcript_to_json(_each_evidence(transcript, bare)))


def whole_transcript(
    investigation_id: str, digest: str, body: bytes | None, found: tuple[Evidence, ...]
) -> Transcript | None:
    """The transcript stored under `digest` as `body`, with its results; None where it cannot be read (logged)."""
    try:
        bare = transcript_from_json(unpack(digest, body))
    except (BadResponse, *DAMAGE) as error:
        log.error("transcript.damaged", investigation=investigation_id, reason=str(error))  # noqa: TRY400
        return None
    by_id: Mapping[str, Evidence] = {piece.id: piece for piece in found}
    return _each_evidence(bare, lambda piece: by_id.get(piece.id, piece) if piece.result == _LEFT_OUT else piece)


def _each_evidence(transcript: Transcript, change: Callable[[Evidence], Evidence]) -> Transcript:
    return replace(transcript, entries=tuple(_changed(entry, change) for entry in transcript.entries))


def _changed(entry: Entry, change: Callable[[Evidence], Evidence]) -> Entry:
    if not isinstance(entry, ToolReplies):
        return entry
    replies = (
        replace(reply, evidence=change(reply.evidence)) if reply.evidence is not None else reply
        for reply in entry.replies
    )
    return ToolReplies(tuple(replies))
