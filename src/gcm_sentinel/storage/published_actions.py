"""The actions of an investigation with the newest question about each, read for whoever is told of them."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable

import structlog
from sqlalchemy.ext.asyncio import AsyncConnection

from gcm_sentinel.domain.action_record import ActionRecord
from gcm_sentinel.domain.errors import BadConfiguration
from gcm_sentinel.domain.evidence import DESK, Evidence
from gcm_sentinel.domain.foreseen import Foreseen, foreseen
from gcm_sentinel.domain.published_action import PublishedAction, published
from gcm_sentinel.storage.actions import records
from gcm_sentinel.storage.approvals import newest_question
from gcm_sentinel.storage.evidence import piece_rows, pieces
from gcm_sentinel.storage.schema import actions

log = structlog.get_logger(__name__)


async def published_actions(connection: AsyncConnection, investigation_id: str) -> tuple[PublishedAction, ...]:
    """What an investigation asked for and what became of it, in the order of asking, in the caller's transaction."""
    own = await records(connection, actions.c.investigation_id == investigation_id)
    if not own:
        return ()
    noted = await asyncio.to_thread(pieces, investigation_id, await piece_rows(connection, investigation_id, DESK))
    asked = [(record, await newest_question(connection, record.id)) for record in own]
    return tuple(published(record, question, _foreseen(record, noted)) for record, question in asked)


def _foreseen(record: ActionRecord, noted: Iterable[Evidence]) -> Foreseen | None:
    """What it would do to others; None as well where what the desk noted is damaged, which hides no action."""
    try:
        return foreseen(record.order.digest, noted)
    except BadConfiguration as error:
        log.error("action.note_damaged", action=record.id, reason=str(error))  # noqa: TRY400
        return None
