"""Records of actions: each is created once, and goes from state to state by exactly one of those who try."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, Row, select, update

from gcm_sentinel.domain.action_record import COMES_AFTER, ActionRecord, ActionState, ActionTarget
from gcm_sentinel.domain.errors import Bug
from gcm_sentinel.domain.json_reader import JsonReader
from gcm_sentinel.domain.jsontypes import JsonObject
from gcm_sentinel.storage.codecs import clean, from_json, micros, readable, to_json, when, when_known
from gcm_sentinel.storage.database import Database
from gcm_sentinel.storage.schema import actions as table
from gcm_sentinel.storage.upsert import insert_new


@dataclass(frozen=True, slots=True)
class Step:
    """An action goes to another state."""

    to: ActionState
    at: datetime
    executor: str = ""
    result: JsonObject = field(default_factory=dict)
    note: str = ""


class Actions:
    """The action records of a database."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def propose(self, proposed: ActionRecord) -> ActionRecord:
        """The record of this action: `proposed`, or the one that is there already under its key."""
        async with self._database.writing() as connection:
            await insert_new(connection, table, [_columns(proposed)])
        found = await self.get(proposed.key)
        if found is None:
            raise Bug(f"the record of action {proposed.key!r} vanished after it was stored, or cannot be read")
        return found

    async def get(self, key: str) -> ActionRecord | None:
        """One record, None when there is none under `key`."""
        return next(iter(await self._select(table.c.key == key)), None)

    async def of_incident(self, incident_id: str) -> tuple[ActionRecord, ...]:
        """Everything proposed for one incident, in that order."""
        return await self._select(table.c.incident_id == incident_id)

    async def in_state(self, state: ActionState) -> tuple[ActionRecord, ...]:
        """Everything that stands at `state`, the oldest first."""
        return await self._select(table.c.state == str(state))

    async def advance(self, key: str, step: Step) -> bool:
        """Whether this call brought it to `step.to`; False where it was there already, or elsewhere, or is unknown.

        Of several who try at once exactly one is told True.
        """
        before = [str(state) for state in COMES_AFTER[step.to]]
        statement = update(table).where(table.c.key == key, table.c.state.in_(before)).values(_changes(step))
        async with self._database.writing() as connection:
            return (await connection.execute(statement)).rowcount == 1

    async def _select(self, condition: ColumnElement[bool]) -> tuple[ActionRecord, ...]:
        async with self._database.reading() as connection:
            statement = select(table).where(condition).order_by(table.c.requested_at, table.c.key)
            rows = (await connection.execute(statement)).all()
        return tuple(readable(rows, _record, table="actions"))


def _changes(step: Step) -> dict[str, Any]:
    changes: dict[str, Any] = {"state": str(step.to)}
    if step.to is ActionState.RUNNING:
        changes["started_at"] = micros(step.at)
    if step.to in (ActionState.DONE, ActionState.FAILED, ActionState.UNDONE):
        changes["ended_at"] = micros(step.at)
    if step.executor:
        changes["executor"] = clean(step.executor)
    if step.result:
        changes["result"] = to_json(step.result)
    if step.note:
        changes["note"] = clean(step.note)
    return changes


def _columns(record: ActionRecord) -> dict[str, Any]:
    return {
        "key": clean(record.key),
        "incident_id": record.incident_id,
        "investigation_id": record.investigation_id,
        "action": clean(record.action),
        "target_kind": clean(record.target.kind),
        "target_name": clean(record.target.name),
        "target_node": clean(record.target.node),
        "target_uid": clean(record.target.uid),
        "arguments": to_json(record.arguments),
        "mode": record.mode,
        "state": str(record.state),
        "reason": clean(record.reason),
        "requested_by": clean(record.requested_by),
        "requested_at": micros(record.requested_at),
        "started_at": micros(record.started_at),
        "ended_at": micros(record.ended_at),
        "executor": clean(record.executor),
        "result": to_json(record.result),
        "note": clean(record.note),
    }


def _record(row: Row[Any]) -> ActionRecord:
    return ActionRecord(
        incident_id=row.incident_id,
        action=row.action,
        target=ActionTarget(row.target_kind, row.target_name, row.target_uid, row.target_node),
        mode=row.mode,
        requested_at=when(row.requested_at),
        investigation_id=row.investigation_id,
        arguments=JsonReader.of(from_json(row.arguments), "arguments").data,
        reason=row.reason,
        requested_by=row.requested_by,
        state=ActionState(row.state),
        started_at=when_known(row.started_at),
        ended_at=when_known(row.ended_at),
        executor=row.executor,
        result=JsonReader.of(from_json(row.result), "result").data,
        note=row.note,
    )
