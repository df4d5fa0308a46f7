"""Writes a triage plan: a fixed number of statements, however many triggers were decided on."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from sqlalchemy import BigInteger, Insert, Update, bindparam, insert, or_, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from gcm_sentinel.domain.incident_record import InvestigationState
from gcm_sentinel.domain.trigger import Trigger, TriggerStatus
from gcm_sentinel.storage.codecs import clean, micros
from gcm_sentinel.storage.cooldowns import end_cooldowns
from gcm_sentinel.storage.incident_rows import row_of
from gcm_sentinel.storage.schema import (
    cooldown_stamps,
    incident_nodes,
    incidents,
    investigations,
    symptoms,
    triggers,
)
from gcm_sentinel.storage.symptoms import IS_BAD, subject_of
from gcm_sentinel.storage.triage_plan import NOT_STARTED, UNFINISHED, Drop, Plan, Stamp
from gcm_sentinel.storage.upsert import insert_into, insert_new

Rows = list[dict[str, Any]]


async def write_plan(connection: AsyncConnection, plan: Plan) -> None:
    """Write everything of `plan` in the running transaction."""
    await _many(connection, insert(incidents), [_opened(plan, key) for key in plan.opened])
    await _many(connection, _CHANGE_INCIDENT, [_changed(plan, key) for key in sorted(plan.changed - set(plan.opened))])
    await insert_new(connection, incident_nodes, _nodes(plan))
    await _many(connection, _RULE, _rulings(plan))
    await _many(connection, _CLAIM_SYMPTOM, [*_claims(plan)])
    for statement in (_MERGE_INCIDENTS, _MERGE_TRIGGERS, _MERGE_SYMPTOMS):
        await _many(connection, statement, [{"b_from": one, "b_into": other} for one, other in plan.merged.items()])
    for states in (UNFINISHED, NOT_STARTED):
        await _many(connection, _drop_in(states), [_dropped(drop) for drop in plan.drops if drop.states == states])
    await _many(connection, _RAISE, [*_raised(plan)])
    await _many(connection, insert(investigations), plan.investigation_rows())
    await _many(connection, _stamp(connection), [_stamped(plan, stamp) for stamp in plan.stamps])
    await end_cooldowns(connection, plan.closings())


async def _many(connection: AsyncConnection, statement: Insert | Update, rows: Sequence[dict[str, Any]]) -> None:
    """Execute `statement` for all `rows`, not at all for none."""
    if rows:
        await connection.execute(statement, rows)


def _opened(plan: Plan, incident_id: str) -> dict[str, Any]:
    record = plan.records[incident_id]
    return {
        "id": record.id,
        "scope_kind": clean(record.scope.kind),
        "scope_key": clean(record.scope.key),
        "opened_at": micros(record.opened_at),
        "lead_trigger_id": plan.opened[incident_id],
        **row_of(record),
    }


_CHANGE_INCIDENT = (
    update(incidents)
    .where(incidents.c.id == bindparam("b_id"))
    .values(
        {
            name: bindparam(f"b_{name}")
            for name in (
                "state", "urgency", "last_trigger_at", "revision", "nodes", "kinds", "quiet_since", "flaps", "revisits",
                "closed_at", "close_reason",
            )
        }
    )
)  # fmt: skip


def _changed(plan: Plan, incident_id: str) -> dict[str, Any]:
    values = {f"b_{name}": value for name, value in row_of(plan.records[incident_id]).items()}
    return {**values, "b_id": incident_id}


def _nodes(plan: Plan) -> Rows:
    return [{"incident_id": key, "node": node} for key, nodes in plan.joined.items() for node in sorted(nodes)]


_RULE = (
    update(triggers)
    .where(triggers.c.id == bindparam("b_id"))
    .values(
        state=bindparam("b_state"),
        incident_id=bindparam("b_incident"),
        ruling=bindparam("b_ruling"),
        hold_until=bindparam("b_until"),
    )
)


def _rulings(plan: Plan) -> Rows:
    return [
        {
            "b_id": trigger_id,
            "b_state": str(ruling.state),
            "b_incident": ruling.incident_id,
            "b_ruling": clean(ruling.reason),
            "b_until": micros(ruling.until),
        }
        for trigger_id, ruling in plan.rulings.items()
    ]


_CLAIM_SYMPTOM = (
    update(symptoms)
    .where(
        symptoms.c.node == bindparam("b_node"),
        symptoms.c.source == bindparam("b_source"),
        symptoms.c.kind == bindparam("b_kind"),
        symptoms.c.gpu_uuid == bindparam("b_gpu_uuid"),
        symptoms.c.node_uid == bindparam("b_node_uid"),
        IS_BAD,
    )
    .values(incident_id=bindparam("b_incident"))
)


def _claims(plan: Plan) -> Iterable[dict[str, Any]]:
    for trigger_id, ruling in plan.rulings.items():
        trigger = plan.triggers.get(trigger_id)
        if ruling.incident_id is not None and trigger is not None:
            yield {**_subject(trigger), "b_incident": ruling.incident_id}


def _subject(trigger: Trigger) -> dict[str, str]:
    return {f"b_{name}": value for name, value in subject_of(trigger)._asdict().items()}


_MERGE_INCIDENTS = (
    update(incidents).where(incidents.c.id == bindparam("b_from")).values(merged_into=bindparam("b_into"))
)
_MERGE_TRIGGERS = (
    update(triggers).where(triggers.c.incident_id == bindparam("b_from")).values(incident_id=bindparam("b_into"))
)
_MERGE_SYMPTOMS = (
    update(symptoms).where(symptoms.c.incident_id == bindparam("b_from")).values(incident_id=bindparam("b_into"))
)


def _drop_in(states: tuple[InvestigationState, ...]) -> Update:
    of_incident = investigations.c.incident_id == bindparam("b_incident")
    unneeded = or_(*(investigations.c.state == str(state) for state in states))  # ``IN`` cannot be executed for many
    values: dict[str, Any] = {"note": bindparam("b_note"), "ended_at": bindparam("b_at")}
    return update(investigations).where(of_incident, unneeded).values(state=str(InvestigationState.DROPPED), **values)


def _dropped(drop: Drop) -> dict[str, Any]:
    return {"b_incident": drop.incident_id, "b_note": clean(drop.note), "b_at": micros(drop.at)}


_RAISE = (
    update(investigations)
    .where(
        investigations.c.incident_id == bindparam("b_incident"),
        investigations.c.state == str(InvestigationState.WANTED),
        investigations.c.urgency > bindparam("b_urgency"),
    )
    .values(urgency=bindparam("b_urgency"))
)


def _raised(plan: Plan) -> Iterable[dict[str, Any]]:
    for incident_id, urgency in plan.raised.items():
        yield {"b_incident": incident_id, "b_urgency": int(urgency)}


def _stamp(connection: AsyncConnection) -> Insert:
    """Stamps what an incident's triggers are about, wherever they came from."""
    about = (
        select(
            triggers.c.node,
            triggers.c.kind,
            bindparam("b_at", type_=BigInteger),
            bindparam("b_urgency", type_=BigInteger),
        )
        .where(triggers.c.incident_id == bindparam("b_incident"), triggers.c.status != str(TriggerStatus.RECOVERED))
        .distinct()
    )
    statement = insert_into(connection, cooldown_stamps).from_select(["node", "kind", "at", "urgency"], about)
    again = {"at": statement.excluded.at, "urgency": statement.excluded.urgency}
    return statement.on_conflict_do_update(index_elements=["node", "kind"], set_=again)


def _stamped(plan: Plan, stamp: Stamp) -> dict[str, Any]:
    return {
        "b_incident": plan.heir(stamp.incident_id),
        "b_at": micros(stamp.request.at),
        "b_urgency": int(stamp.request.urgency),
    }
