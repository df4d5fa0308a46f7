"""Ends cool-downs that nobody's work stands behind: a fault that was not looked at is not held when it comes again.

A stamp says that an investigation was asked for. Where that one failed, or was dropped because its incident closed
first, nothing was found out, and the stamp would only keep the next incident of the same fault waiting. A stamp is kept
while any other investigation of its node was asked for at its moment and did not fail: it is that one's by now.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime

from sqlalchemy import bindparam, delete, exists, select, tuple_, update
from sqlalchemy.ext.asyncio import AsyncConnection

from gcm_sentinel.domain.incident_record import InvestigationState, TriggerState
from gcm_sentinel.domain.trigger import TriggerStatus
from gcm_sentinel.storage.codecs import micros
from gcm_sentinel.storage.schema import cooldown_stamps, incident_nodes, investigations, triggers

_CAME_TO_NOTHING = (InvestigationState.FAILED, InvestigationState.DROPPED)

_theirs = triggers.alias("theirs")
_ABOUT = select(_theirs.c.node, _theirs.c.kind).where(
    _theirs.c.incident_id == bindparam("b_incident"), _theirs.c.status != str(TriggerStatus.RECOVERED)
)
_STANDS_BEHIND = exists().where(
    incident_nodes.c.node == cooldown_stamps.c.node,
    investigations.c.incident_id == incident_nodes.c.incident_id,
    investigations.c.requested_at == cooldown_stamps.c.at,
    *(investigations.c.state != str(state) for state in _CAME_TO_NOTHING),  # ``IN`` cannot be executed for many
)
_UNSTAMP = delete(cooldown_stamps).where(
    tuple_(cooldown_stamps.c.node, cooldown_stamps.c.kind).in_(_ABOUT), ~_STANDS_BEHIND
)
_STAMPED = exists().where(cooldown_stamps.c.node == triggers.c.node, cooldown_stamps.c.kind == triggers.c.kind)
_RELEASE = (
    update(triggers)
    .where(
        triggers.c.state == str(TriggerState.HELD),
        triggers.c.hold_until > bindparam("b_at"),
        tuple_(triggers.c.node, triggers.c.kind).in_(_ABOUT),
        ~_STAMPED,
    )
    .values(hold_until=bindparam("b_at"))
)


async def end_cooldowns(connection: AsyncConnection, over: Iterable[tuple[str, datetime]]) -> None:
    """For incidents, each with the moment: remove stamps nothing stands behind, and release what they held.

    The states of their investigations must have been written before.
    """
    rows = [{"b_incident": incident_id, "b_at": micros(at)} for incident_id, at in over]
    if rows:
        await connection.execute(_UNSTAMP, [{"b_incident": row["b_incident"]} for row in rows])
        await connection.execute(_RELEASE, rows)
