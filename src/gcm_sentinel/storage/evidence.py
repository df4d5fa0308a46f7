"""Evidence in the database: a small row per piece, its whole result as a body by content (blobs.py).

Keyed by investigation id. The results of two investigations that found the same thing share one body. A piece whose
body was damaged takes no other piece with it: asked for by name it is an error, in a list it is left out with a log
event.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import Any

import structlog
from sqlalchemy import Row, func, select
from sqlalchemy.ext.asyncio import AsyncConnection

from gcm_sentinel.domain.errors import BadResponse
from gcm_sentinel.domain.evidence import Evidence
from gcm_sentinel.domain.evidence_json import result_from_json, result_to_json
from gcm_sentinel.domain.json_reader import JsonReader
from gcm_sentinel.storage.blobs import keep, pack, unpack
from gcm_sentinel.storage.codecs import DAMAGE, clean, from_json, micros, to_json, when
from gcm_sentinel.storage.database import Database
from gcm_sentinel.storage.schema import blobs
from gcm_sentinel.storage.schema import evidence as table
from gcm_sentinel.storage.upsert import insert_or_replace

log = structlog.get_logger(__name__)


class StoredEvidence:
    """An `EvidenceStore` in the database."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def put(self, investigation_id: str, evidence: Evidence) -> None:
        """Store one piece. The same id again replaces it: its step was lost before it was recorded, and was done again.

        Raises:
            Retryable: the database is away or full.
        """
        blob = await pack(result_to_json(evidence.result))
        row = {
            "investigation_id": investigation_id,
            "id": evidence.id,
            "source": clean(evidence.source),
            "tool": clean(evidence.tool),
            "arguments": to_json(evidence.arguments),
            "observed_at": micros(evidence.observed_at),
            "stored_at": micros(self._database.clock.now()),
            "digest": evidence.digest,
            "result_blob": blob.digest,
        }
        async with self._database.writing("evidence.put") as connection:
            await keep(connection, blob)
            await insert_or_replace(connection, table, row)

    async def get(self, investigation_id: str, evidence_id: str) -> Evidence | None:
        """One piece, None when there is none of that id.

        Raises:
            BadResponse: it is stored but damaged.
            Retryable: the database is away.
        """
        async with self._database.reading() as connection:
            found = await connection.execute(
                _PIECES.where(table.c.investigation_id == investigation_id, table.c.id == evidence_id)
            )
            row = found.one_or_none()
        return None if row is None else await asyncio.to_thread(_piece, investigation_id, row)

    async def all(self, investigation_id: str) -> tuple[Evidence, ...]:
        """Everything of one investigation in the order the calls were made, without what is damaged.

        Raises:
            Retryable: the database is away.
        """
        return await self._all(investigation_id)

    async def of_source(self, investigation_id: str, source: str) -> tuple[Evidence, ...]:
        """The same, of one source only.

        Raises:
            Retryable: the database is away.
        """
        return await self._all(investigation_id, source)

    async def _all(self, investigation_id: str, source: str = "") -> tuple[Evidence, ...]:
        async with self._database.reading() as connection:
            rows = await piece_rows(connection, investigation_id, source)
        return await asyncio.to_thread(pieces, investigation_id, rows)


_PIECES = select(table, blobs.c.body).outerjoin(blobs, blobs.c.digest == table.c.result_blob)


async def piece_rows(connection: AsyncConnection, investigation_id: str, source: str = "") -> Sequence[Row[Any]]:
    """The rows of one investigation's evidence with their bodies, in the order of their numbers (E9 before E10).

    Of `source` only, where it is given.
    """
    statement = _PIECES.where(table.c.investigation_id == investigation_id)
    if source:
        statement = statement.where(table.c.source == source)
    return (await connection.execute(statement.order_by(func.length(table.c.id), table.c.id))).all()


def pieces(investigation_id: str, rows: Sequence[Row[Any]]) -> tuple[Evidence, ...]:
    """The evidence in `rows`, without what is damaged. Unpacks megabytes, so it belongs in a thread."""
    found = []
    for row in rows:
        try:
            found.append(_piece(investigation_id, row))
        except BadResponse:  # told by _piece; the others are worth having without it
            continue
    return tuple(found)


def _piece(investigation_id: str, row: Row[Any]) -> Evidence:
    try:
        return Evidence(
            id=row.id,
            source=row.source,
            tool=row.tool,
            arguments=JsonReader.of(from_json(row.arguments), "arguments").data,
            result=result_from_json(unpack(row.result_blob, row.body)),
            observed_at=when(row.observed_at),
            digest=row.digest,
        )
    except (BadResponse, *DAMAGE) as error:
        log.error("evidence.damaged", investigation=investigation_id, evidence=row.id, reason=str(error))  # noqa: TRY400
        raise BadResponse(f"evidence {row.id!r} of {investigation_id!r} cannot be read: {error}") from error
