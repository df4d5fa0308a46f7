"""The incident as an investigation is given it: read once when the investigation starts, and the same ever after.

The rows go on changing while the investigation runs (nodes join, triggers recover), but after a crash it runs again
over its recorded steps and must be told the same thing. So the value is stored with it at its first start.

The trigger that opened the incident leads it for good, as lists and pages show it, also when one that began earlier
joined late or came with a merge.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import zip_longest
from typing import Any

from sqlalchemy import Row, case, select
from sqlalchemy.ext.asyncio import AsyncConnection

from gcm_sentinel.domain.errors import Bug
from gcm_sentinel.domain.incident_record import TriggerState
from gcm_sentinel.domain.trigger import FaultScope, Incident, Trigger, TriggerStatus
from gcm_sentinel.storage.codecs import readable, when, when_known
from gcm_sentinel.storage.schema import incident_nodes, incidents, triggers

LEADING = 50
"""Most triggers of one incident that an investigation is given; `Incident.nodes` names every node."""


async def current_incident(connection: AsyncConnection, incident_id: str, revision: int) -> Incident:
    """The incident as its rows stand now.

    Raises:
        Bug: it has no trigger: nothing may open an incident without one.
    """
    row = (await connection.execute(select(incidents).where(incidents.c.id == incident_id))).one()
    leading = await _leading_triggers(connection, incident_id, row.lead_trigger_id)
    if not leading:
        raise Bug(f"incident {incident_id!r} is to be investigated but has no trigger")
    of_incident = incident_nodes.c.incident_id == incident_id
    nodes = await connection.scalars(select(incident_nodes.c.node).where(of_incident))
    return Incident(
        id=incident_id,
        triggers=leading,
        opened_at=when(row.opened_at),
        revision=revision,
        scope=FaultScope(row.scope_kind, row.scope_key),
        nodes=tuple(sorted(nodes)),
    )


async def _leading_triggers(connection: AsyncConnection, incident_id: str, lead: int | None) -> tuple[Trigger, ...]:
    """First only ids and kinds of all, then the few that were chosen: a storm's messages are megabytes."""
    order = (case((triggers.c.id == lead, 0), else_=1), triggers.c.onset_at, triggers.c.id)
    folded = (triggers.c.incident_id == incident_id, triggers.c.state == str(TriggerState.FOLDED))
    found = await connection.execute(select(triggers.c.id, triggers.c.kind).where(*folded).order_by(*order))
    chosen = fair_share([(row.id, row.kind) for row in found], LEADING)
    rows = await connection.execute(select(triggers).where(triggers.c.id.in_(chosen)).order_by(*order))
    return tuple(readable(rows, trigger_of, table="triggers"))


def fair_share(in_order: Sequence[tuple[int, str]], most: int) -> list[int]:
    """The ids of at most `most` triggers: the first of every kind, then the second of every kind, and so on.

    `in_order` are ids with their kinds, the lead first, then the earliest; so the very first is always chosen.
    """
    of_kind: dict[str, list[int]] = {}
    for trigger_id, kind in in_order:
        of_kind.setdefault(kind, []).append(trigger_id)
    return [trigger_id for trigger_id, _ in zip(_in_turn(list(of_kind.values())), range(most), strict=False)]


def _in_turn(queues: Sequence[Sequence[int]]) -> Iterator[int]:
    for round_ in zip_longest(*queues):
        yield from (item for item in round_ if item is not None)


def trigger_of(row: Row[Any]) -> Trigger:
    """The trigger in a row of `triggers`; raises one of `DAMAGE` when the row is damaged."""
    return Trigger(
        source=row.source,
        node=row.node,
        kind=row.kind,
        status=TriggerStatus(row.status),
        reason=row.reason,
        message=row.message,
        observed_at=when(row.observed_at),
        transition_at=when_known(row.transition_at),
        node_uid=row.node_uid,
        gpu_uuid=row.gpu_uuid,
    )
