"""What was ordered for an incident, read for people, in the caller's transaction.

An incident that was merged left its orders where they were, so those of everything that was merged into this one belong
to it. A damaged order is counted and not passed over: what it did may stand.
"""

from __future__ import annotations

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncConnection

from gcm_sentinel.domain.action_record import Approval
from gcm_sentinel.domain.order_history import OrderBook, OrderHistory, histories, most_worth_showing
from gcm_sentinel.storage.action_rows import record_of
from gcm_sentinel.storage.among import among
from gcm_sentinel.storage.approvals import questions_about
from gcm_sentinel.storage.codecs import readable
from gcm_sentinel.storage.schema import actions, incidents

_MOST_SHOWN = 200
_MOST_MERGES = 20
"""How long a chain of merges is followed."""


async def ordered(connection: AsyncConnection, incident_id: str) -> OrderBook:
    """The orders of an incident and of those merged into it, with the questions about them."""
    statement = select(actions).where(among(connection, actions.c.incident_id, await _merged(connection, incident_id)))
    rows = (await connection.execute(statement.order_by(actions.c.requested_at, actions.c.id))).all()
    found = [OrderHistory(record) for record in readable(rows, record_of, table="actions")]
    chosen = most_worth_showing(found, _MOST_SHOWN)
    questions: tuple[Approval, ...] = ()
    if chosen:
        questions = await questions_about(connection, [item.record.id for item in chosen])
    return OrderBook(
        shown=histories([item.record for item in chosen], questions),
        more=len(found) - len(chosen),
        more_standing=sum(item.stands for item in found) - sum(item.stands for item in chosen),
        unreadable=len(rows) - len(found),
    )


async def _merged(connection: AsyncConnection, incident_id: str) -> frozenset[str]:
    """The incident with all that were merged into it, into those, and so on."""
    known = newest = frozenset({incident_id})
    for _ in range(_MOST_MERGES):
        merged = select(incidents.c.id).where(among(connection, incidents.c.merged_into, newest))
        newest = frozenset(await connection.scalars(merged)) - known
        if not newest:
            break
        known |= newest
    return known
