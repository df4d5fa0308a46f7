"""Records of actions: each is proposed once per investigation, and goes from state to state by exactly one who tries.

`begin` is where limits hold: in one transaction, serialised over all replicas, what is under way is counted and the
action begun, or it is not. So two who each saw room for one more cannot both take it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from gcm_sentinel.domain.acting_policy import Breaker
from gcm_sentinel.domain.action_record import COMES_AFTER, ActionRecord, ActionState, Refusal
from gcm_sentinel.domain.advice import NewerAdvice
from gcm_sentinel.domain.jsontypes import JsonObject
from gcm_sentinel.domain.published_action import TOLD
from gcm_sentinel.domain.trigger import Incident
from gcm_sentinel.storage.abroad import (
    BREAKER,
    UNDER_WAY_NAMES,
    Abroad,
    abroad,
    begun_times,
    breaker_of,
    reserved_nodes,
)
from gcm_sentinel.storage.action_rows import columns, record_of
from gcm_sentinel.storage.codecs import clean, micros, readable, to_json
from gcm_sentinel.storage.database import Database
from gcm_sentinel.storage.deliveries import owe_again
from gcm_sentinel.storage.schema import actions as table
from gcm_sentinel.storage.schema import breaker
from gcm_sentinel.storage.standing import newer_advice, stands
from gcm_sentinel.storage.upsert import insert_new, insert_or_replace


@dataclass(frozen=True, slots=True)
class Step:
    """An action goes to another state."""

    to: ActionState
    at: datetime
    executor: str = ""
    result: JsonObject = field(default_factory=dict)
    note: str = ""
    ruling: str = ""
    job: str = ""
    """Key of the job that begins it: another process that goes on with that job has begun it, too."""
    leaves: frozenset[ActionState] | None = None
    """The states it may leave; None for all from which `to` may be reached."""
    refusal: Refusal = Refusal.RULED
    """Whose, where `to` is REFUSED."""


Objects = Callable[[Abroad], str]
"""Why an action may not begin after all; empty where it may."""


class Actions:
    """The action records of a database."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def propose(self, proposed: Iterable[ActionRecord]) -> None:
        """Record what is not recorded yet."""
        async with self._database.writing() as connection:
            await store_proposed(connection, proposed)

    async def get(self, action_id: str) -> ActionRecord | None:
        """One record, None when there is none of that id."""
        return next(iter(await self._select(table.c.id == action_id)), None)

    async def of_incident(self, incident_id: str) -> tuple[ActionRecord, ...]:
        """Everything ordered for one incident, in that order."""
        return await self._select(table.c.incident_id == incident_id)

    async def in_state(self, *states: ActionState) -> tuple[ActionRecord, ...]:
        """Everything that stands at one of `states`, the oldest first."""
        return await self._select(table.c.state.in_([str(state) for state in states]))

    async def advance(self, action_id: str, step: Step) -> bool:
        """Whether this call brought it to `step.to`; False where it was there already, or elsewhere, or is unknown.

        Of several who try at once exactly one is told True. Where people must know of the new state, every sink is owed
        another edition in the same transaction.
        """
        async with self._database.writing() as connection:
            return await _advance(connection, action_id, step)

    async def begin(
        self, action_id: str, step: Step, since: datetime, objects: Objects, *, counted_at: datetime | None = None
    ) -> str:
        """Bring it to RUNNING unless `objects` says why not, which is returned; empty where it has begun.

        `since` is how far back `Abroad.begun` reaches; `counted_at` is when whoever objects has counted the fleet, so
        that what ended since then is told as well. Called again by the same executor or job, it has begun.
        """
        async with self._database.serialised() as connection:
            row = (await connection.execute(select(table).where(table.c.id == action_id))).one_or_none()
            if row is not None and row.state == str(ActionState.RUNNING) and _began(row.executor, step):
                return ""  # it was this very call, whose answer was lost
            if row is None or row.state != str(ActionState.APPROVED):
                return f"it is {row.state if row else 'not recorded'}, not approved"
            same = table.c.key == row.key, table.c.id != action_id
            if await connection.scalar(select(table.c.id).where(*same, table.c.state.in_([*UNDER_WAY_NAMES, "done"]))):
                return "the same was begun for this incident before"
            objection = objects(await abroad(connection, since, step.at, counted_at))
            if not objection:
                await _advance(connection, action_id, step)
            return objection

    async def take_over(self, action_id: str, step: Step) -> None:
        """The executor of `step` goes on with what another process began by the same job; a repeated call changes
        nothing."""
        this = table.c.id == action_id, table.c.state.in_(UNDER_WAY_NAMES)
        by_job = table.c.executor.endswith(f" {clean(step.job)}", autoescape=True)
        async with self._database.writing() as connection:
            await connection.execute(update(table).where(*this, by_job).values(executor=clean(_executor(step))))

    async def begun_since(self, since: datetime) -> tuple[datetime, ...]:
        """When the actions of all incidents began that began since then."""
        async with self._database.reading() as connection:
            return await begun_times(connection, since)

    async def put_off(self, action_id: str, before: int, reason: str) -> None:
        """Its beginning is put off once more than `before` times; a repeated call changes nothing."""
        this = table.c.id == action_id, table.c.state == str(ActionState.APPROVED), table.c.put_off == before
        async with self._database.writing() as connection:
            await connection.execute(update(table).where(*this).values(put_off=before + 1, ruling=clean(reason)))

    async def reserved(self) -> frozenset[str]:
        """Nodes that actions under way are taking out of service, and those with a GPU that a directive of ours did."""
        now = self._database.clock.now()
        async with self._database.reading() as connection:
            return await reserved_nodes(connection, now)

    async def breaker(self) -> Breaker:
        """The circuit breaker as it stands."""
        async with self._database.reading() as connection:
            return await breaker_of(connection)

    async def open_breaker(self, at: datetime, reason: str) -> bool:
        """Open it; False where it is open already, with the reason it had."""
        async with self._database.serialised() as connection:
            if (await breaker_of(connection)).is_open:
                return False
            row = {"name": BREAKER, "opened_at": micros(at), "reason": clean(reason), "closed_at": None}
            await insert_or_replace(connection, breaker, {**row, "closed_by": ""})
            return True

    async def close_breaker(self, at: datetime, by: str) -> bool:
        """Close it, by a person; False where it is closed."""
        this = breaker.c.name == BREAKER, breaker.c.opened_at.is_not(None)
        values = {"opened_at": None, "closed_at": micros(at), "closed_by": clean(by)}
        async with self._database.writing() as connection:
            return (await connection.execute(update(breaker).where(*this).values(values))).rowcount == 1

    async def stands(self, incident: Incident, node: str) -> bool:
        """Whether the incident is open and something that opened it, on `node` where it did there, is still wrong."""
        async with self._database.reading() as connection:
            return await stands(connection, incident, node)

    async def newer_advice(self, investigation_id: str) -> NewerAdvice | None:
        """What the newest investigation of the same incident came to; None where none is newer than this and done."""
        async with self._database.reading() as connection:
            return await newer_advice(connection, investigation_id)

    async def _select(self, condition: ColumnElement[bool]) -> tuple[ActionRecord, ...]:
        async with self._database.reading() as connection:
            return await records(connection, condition)


async def records(connection: AsyncConnection, condition: ColumnElement[bool]) -> tuple[ActionRecord, ...]:
    """The records that `condition` finds, in the order they were asked for, in the caller's transaction."""
    statement = select(table).where(condition).order_by(table.c.requested_at, table.c.id)
    rows = (await connection.execute(statement)).all()
    return tuple(readable(rows, record_of, table="actions"))


async def store_proposed(connection: AsyncConnection, proposed: Iterable[ActionRecord]) -> None:
    """Record what is not recorded yet, in the caller's transaction."""
    await insert_new(connection, table, [columns(record) for record in proposed])


async def _advance(connection: AsyncConnection, action_id: str, step: Step) -> bool:
    reached_from = COMES_AFTER[step.to]
    before = [str(state) for state in (reached_from if step.leaves is None else reached_from & step.leaves)]
    statement = update(table).where(table.c.id == action_id, table.c.state.in_(before)).values(_changes(step))
    advanced = (await connection.execute(statement)).rowcount == 1
    if advanced and step.to in TOLD:
        await owe_again(connection, select(table.c.investigation_id).where(table.c.id == action_id), step.at)
    return advanced


def _changes(step: Step) -> dict[str, Any]:
    changes: dict[str, Any] = {"state": str(step.to)}
    if step.to is ActionState.RUNNING:
        changes["started_at"] = micros(step.at)
    if step.to in (ActionState.DONE, ActionState.FAILED, ActionState.UNDONE, ActionState.REFUSED):
        changes["ended_at"] = micros(step.at)
    if step.to is ActionState.REFUSED:
        changes["refusal"] = str(step.refusal)
    if step.result:
        changes["result"] = to_json(step.result)
    words = {"executor": _executor(step), "note": step.note, "ruling": step.ruling}
    return {**changes, **{name: clean(value) for name, value in words.items() if value}}


def _executor(step: Step) -> str:
    return f"{step.executor} {step.job}".strip()


def _began(executor: str, step: Step) -> bool:
    return executor == clean(_executor(step)) or bool(step.job and executor.endswith(f" {clean(step.job)}"))
