"""Approvals: one question each, bound to what was shown, good until it expires, decided exactly once.

The decision is one conditional UPDATE, so of several people who press at once one wins in either database, and the
others are told who it was.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Row, Select, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from gcm_sentinel.domain.action_record import Approval, ApprovalState, Decision
from gcm_sentinel.domain.errors import Bug, NotFound, Refused
from gcm_sentinel.storage.among import among
from gcm_sentinel.storage.codecs import clean, micros, readable, when, when_known
from gcm_sentinel.storage.database import Database
from gcm_sentinel.storage.schema import approvals as table
from gcm_sentinel.storage.upsert import insert_new

_WAITING = str(ApprovalState.WAITING)
_TAKEN_BACK = "withdrawn"
"""The channel by which a version before 0007_withdrawn_questions.sql takes a question back; its state says refused."""


@dataclass(frozen=True, slots=True)
class Decided:
    """What stands after somebody decided."""

    approval: Approval
    won: bool
    """Whether it was this decision; False when somebody else was first."""


class Approvals:
    """The approvals of a database."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def ask(self, approval: Approval) -> Approval:
        """The stored approval: `approval`, or the one that is there already under its id."""
        row = {
            "id": clean(approval.id),
            "incident_id": approval.incident_id,
            "action_id": clean(approval.action_id),
            "digest": approval.digest,
            "state": _WAITING,
            "requested_at": micros(approval.requested_at),
            "expires_at": micros(approval.expires_at),
            "decided_by": "",
            "channel": "",
            "reason": "",
        }
        async with self._database.writing() as connection:
            await insert_new(connection, table, [row])
        found = await self.get(approval.id)
        if found is None:
            raise Bug(f"approval {approval.id!r} vanished after it was stored, or cannot be read")
        return found

    async def get(self, approval_id: str) -> Approval | None:
        """One approval, None when there is none of that id."""
        async with self._database.reading() as connection:
            rows = (await connection.execute(select(table).where(table.c.id == approval_id))).all()
        return next(readable(rows, _approval, table="approvals"), None)

    async def of_action(self, action_id: str) -> Approval | None:
        """The newest question about an action; None when none was asked."""
        async with self._database.reading() as connection:
            return await newest_question(connection, action_id)

    async def newest(self, limit: int) -> tuple[Approval, ...]:
        """The newest questions, whatever became of them, the newest first."""
        return await self._select(select(table).order_by(table.c.requested_at.desc(), table.c.id).limit(limit))

    async def waiting(self, now: datetime) -> tuple[Approval, ...]:
        """Those that can still be decided, the first to expire first."""
        statement = select(table).where(table.c.state == _WAITING, table.c.expires_at > micros(now))
        return await self._select(statement.order_by(table.c.expires_at, table.c.id))

    async def _select(self, statement: Select[Any]) -> tuple[Approval, ...]:
        async with self._database.reading() as connection:
            rows = (await connection.execute(statement)).all()
        return tuple(readable(rows, _approval, table="approvals"))

    async def withdraw(self, approval: Approval, at: datetime, reason: str) -> bool:
        """Take a question back that is pointless by now; False where it was decided, or taken back, before."""
        values = {"state": str(ApprovalState.WITHDRAWN), "decided_at": micros(at), "reason": clean(reason)}
        this = table.c.id == approval.id, table.c.state == _WAITING
        async with self._database.writing() as connection:
            return (await connection.execute(update(table).where(*this).values(values))).rowcount == 1

    async def decide(self, approval_id: str, decision: Decision) -> Decided:
        """Decide it, unless somebody has.

        Raises:
            NotFound: there is no such approval.
            Refused: it has expired or was withdrawn, or the person was shown something else than what would be done.
        """
        statement = update(table).where(
            table.c.id == approval_id,
            table.c.state == _WAITING,
            table.c.digest == decision.digest,
            table.c.expires_at > micros(decision.at),
        )
        async with self._database.writing() as connection:
            won = (await connection.execute(statement.values(_columns(decision)))).rowcount == 1
        found = await self.get(approval_id)
        if found is None:
            raise NotFound(f"there is no approval {approval_id!r}")
        if not won:
            _refuse_what_cannot_count(found, decision)
        return Decided(found, won)


async def newest_question(connection: AsyncConnection, action_id: str) -> Approval | None:
    """The newest question about an action, in the caller's transaction; None when none was asked."""
    statement = select(table).where(table.c.action_id == action_id).order_by(table.c.requested_at.desc()).limit(1)
    rows = (await connection.execute(statement)).all()
    return next(readable(rows, _approval, table="approvals"), None)


async def questions_about(connection: AsyncConnection, action_ids: Collection[str]) -> tuple[Approval, ...]:
    """Every question about some actions, the oldest first, in the caller's transaction."""
    statement = select(table).where(among(connection, table.c.action_id, action_ids))
    rows = (await connection.execute(statement.order_by(table.c.requested_at, table.c.id))).all()
    return tuple(readable(rows, _approval, table="approvals"))


def _columns(decision: Decision) -> dict[str, Any]:
    return {
        "state": str(ApprovalState.APPROVED if decision.approve else ApprovalState.REFUSED),
        "decided_at": micros(decision.at),
        "decided_by": clean(decision.by),
        "channel": clean(decision.channel),
        "reason": clean(decision.reason),
    }


def _refuse_what_cannot_count(found: Approval, decision: Decision) -> None:
    """The right digest stands in no message: it is to be read off what it stands for, not off a refusal."""
    if found.withdrawn:
        raise Refused(f"question {found.id!r} was withdrawn: {found.reason}")
    if found.digest != decision.digest:
        raise Refused(
            f"the digest given is not that of the order which question {found.id!r} asks about: another order was "
            "shown, or it was not copied as it stands. Nothing was decided. Run `gcm-sentinel approvals show "
            f"{found.id}`, look at it again and decide about what is shown now"
        )
    if found.state is ApprovalState.WAITING:
        raise Refused(
            f"question {found.id!r} expired at {found.expires_at.isoformat()}, nobody decided in time: `gcm-sentinel "
            f"incidents reinvestigate {found.incident_id}` has it asked again, where it is still advised"
        )


def _approval(row: Row[Any]) -> Approval:
    taken_back = row.channel == _TAKEN_BACK
    return Approval(
        id=row.id,
        incident_id=row.incident_id,
        action_id=row.action_id,
        digest=row.digest,
        requested_at=when(row.requested_at),
        expires_at=when(row.expires_at),
        state=ApprovalState.WITHDRAWN if taken_back else ApprovalState(row.state),
        decided_at=when_known(row.decided_at),
        decided_by="" if taken_back else row.decided_by,
        channel="" if taken_back else row.channel,
        reason=row.reason,
    )
