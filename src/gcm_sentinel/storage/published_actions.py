"""The actions of an investigation with the newest question about each, read for whoever is told of them."""

from __future__ import annotations

from sqlalchemy.ext.asyncio import AsyncConnection

from gcm_sentinel.domain.published_action import PublishedAction, published
from gcm_sentinel.storage.actions import records
from gcm_sentinel.storage.approvals import newest_question
from gcm_sentinel.storage.schema import actions


async def published_actions(connection: AsyncConnection, investigation_id: str) -> tuple[PublishedAction, ...]:
    """What an investigation asked for and what became of it, in the order of asking, in the caller's transaction."""
    own = await records(connection, actions.c.investigation_id == investigation_id)
    return tuple([published(record, await newest_question(connection, record.id)) for record in own])
