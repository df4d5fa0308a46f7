"""Observations as they come in: stored once, in order, together with what they say is wrong now.

Storing is serialised with triage over all replicas, so that an observation is either seen by a decision or waits for
the next one, never half of each. Nothing is acknowledged to a watcher before `store` has returned.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from sqlalchemy import insert, select
from sqlalchemy.ext.asyncio import AsyncConnection

from gcm_sentinel.domain.incident_record import StoredTrigger, Symptom, TriggerState
from gcm_sentinel.domain.trigger import Followed, Trigger
from gcm_sentinel.storage.among import among
from gcm_sentinel.storage.codecs import clean, micros, readable
from gcm_sentinel.storage.database import Database
from gcm_sentinel.storage.schema import symptoms, triggers, watch_positions
from gcm_sentinel.storage.symptoms import (
    IS_BAD,
    KNOWN,
    SYMPTOMS,
    Settled,
    again_key,
    known_of,
    row_of,
    settle,
    symptom_of,
)
from gcm_sentinel.storage.trigger_rows import stored_trigger
from gcm_sentinel.storage.upsert import insert_or_replace, insert_or_replace_all

_STALE = "older than what was known already"


class Triggers:
    """The triggers of a database."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def store(self, observed: Sequence[Trigger]) -> int:
        """Store what is not stored yet, in one transaction; how many were new.

        Storing the same batch again, from here or from another replica, changes nothing. An observation older than what
        is known of its subject is kept as NOTED and says nothing about now. One that was stored before, but says that
        something is wrong again (or over again) since, is stored again.

        Raises:
            Retryable: nothing was stored, or it is not known: store the batch again.
        """
        if not observed:
            return 0
        async with self._database.serialised("triggers.store") as connection:
            return await self._store(connection, observed)

    async def store_followed(self, found: Followed) -> int:
        """`store` what was found in a source's log, together with how far in it that reaches; how many were new.

        Raises:
            Retryable: nothing was stored, or it is not known: store it again.
        """
        async with self._database.serialised("triggers.store") as connection:
            new = await self._store(connection, found.triggers) if found.triggers else 0
            if found.position is not None:
                stored_at = micros(self._database.clock.now())
                row = {"source": found.source, "position": found.position, "stored_at": stored_at}
                await insert_or_replace(connection, watch_positions, row)
        return new

    async def followed_to(self, source: str) -> int | None:
        """How far in the log of `source` everything was stored; None where none of it was."""
        asked = select(watch_positions.c.position).where(watch_positions.c.source == source)
        async with self._database.reading() as connection:
            position: int | None = await connection.scalar(asked)
        return position

    async def _store(self, connection: AsyncConnection, observed: Sequence[Trigger]) -> int:
        settled = await _settled(connection, observed)
        stored_at = micros(self._database.clock.now())
        rows = [*_rows(settled.fresh, TriggerState.PENDING, "", stored_at)]
        rows += _rows(settled.stale, TriggerState.NOTED, _STALE, stored_at)
        if rows:
            await connection.execute(insert(triggers), rows)
        changed = [row_of(subject, known) for subject, known in settled.changed.items()]
        await insert_or_replace_all(connection, symptoms, changed)
        return len(rows)

    async def wrong_now(self, source: str) -> tuple[Symptom, ...]:
        """Everything `source` last saw wrong, by node: where its watcher begins after a restart."""
        bad = SYMPTOMS.where(symptoms.c.source == source, IS_BAD).order_by(symptoms.c.node, symptoms.c.kind)
        async with self._database.reading() as connection:
            rows = (await connection.execute(bad)).all()
        return tuple(readable(rows, symptom_of, table="symptoms"))

    async def left_out(self, limit: int = 500) -> tuple[StoredTrigger, ...]:
        """Those held or refused, which belong to no incident, with the reason; the newest first."""
        waiting = triggers.c.state.in_((str(TriggerState.HELD), str(TriggerState.REFUSED)))
        newest = select(triggers).where(waiting).order_by(triggers.c.id.desc()).limit(limit)
        async with self._database.reading() as connection:
            rows = (await connection.execute(newest)).all()
        return tuple(readable(rows, stored_trigger, table="triggers"))


async def _settled(connection: AsyncConnection, observed: Sequence[Trigger]) -> Settled:
    nodes = {trigger.node for trigger in observed}
    known = (await connection.execute(KNOWN.where(among(connection, symptoms.c.node, nodes)))).all()
    keys = {key for trigger in observed for key in (trigger.fingerprint, again_key(trigger))}
    stored = await connection.scalars(
        select(triggers.c.fingerprint).where(among(connection, triggers.c.fingerprint, keys))
    )
    return settle(dict(readable(known, known_of, table="symptoms")), stored, observed)


def _rows(
    keyed: Iterable[tuple[str, Trigger]], state: TriggerState, ruling: str, stored_at: int
) -> list[dict[str, Any]]:
    return [
        {
            "fingerprint": key,
            "source": clean(trigger.source),
            "node": clean(trigger.node),
            "node_uid": None if trigger.node_uid is None else clean(trigger.node_uid),
            "gpu_uuid": None if trigger.gpu_uuid is None else clean(trigger.gpu_uuid),
            "kind": clean(trigger.kind),
            "status": str(trigger.status),
            "reason": clean(trigger.reason),
            "message": clean(trigger.message),
            "observed_at": micros(trigger.observed_at),
            "transition_at": micros(trigger.transition_at),
            "onset_at": micros(trigger.transition_at or trigger.observed_at),
            "stored_at": stored_at,
            "state": str(state),
            "ruling": ruling,
        }
        for key, trigger in keyed
    ]
