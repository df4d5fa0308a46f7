"""How an action's record stands in its row, and is read back; an order whose digest has changed is not read."""

from __future__ import annotations

from typing import Any

from sqlalchemy import Row

from gcm_sentinel.domain.action_record import ActionRecord, ActionState, Refusal
from gcm_sentinel.domain.json_reader import JsonReader
from gcm_sentinel.domain.operations import Operation
from gcm_sentinel.domain.order import ActionTarget, Order, call_from_json
from gcm_sentinel.storage.codecs import clean, from_json, micros, to_json, when, when_known

_CALL = ("method", "path", "body", "content_type")


def columns(record: ActionRecord) -> dict[str, Any]:
    """The row of `record`."""
    order, target = record.order, record.order.target
    return {
        "id": clean(record.id),
        "key": clean(record.key),
        "incident_id": order.incident_id,
        "investigation_id": order.investigation_id,
        "action": str(order.operation),
        "target_kind": clean(target.kind),
        "target_name": clean(target.name),
        "target_node": clean(target.node),
        "target_uid": clean(target.uid),
        "arguments": to_json(order.arguments),
        "calls": to_json([[call.method, call.path, call.body, call.content_type] for call in order.calls]),
        "digest": order.digest,
        "mode": record.mode,
        "state": str(record.state),
        "reason": clean(order.reason),
        "requested_by": clean(order.asked_by),
        "requested_at": micros(record.requested_at),
        "ruling": clean(record.ruling),
        "takes_out": clean(record.takes_out),
        "started_at": micros(record.started_at),
        "ended_at": micros(record.ended_at),
        "executor": clean(record.executor),
        "result": to_json(record.result),
        "note": clean(record.note),
        "undoes": clean(record.undoes),
        "refusal": str(record.refusal),
        "put_off": record.put_off,
    }


def record_of(row: Row[Any]) -> ActionRecord:
    """The record in `row`.

    Raises:
        ValueError: its order is not the one that was proposed, or what is stored is no record.
        BadConfiguration: a JSON column is not what `columns` writes.
    """
    calls = JsonReader({"calls": [dict(zip(_CALL, call, strict=True)) for call in from_json(row.calls)]}, "actions")
    order = Order(
        operation=Operation(row.action),
        target=ActionTarget(row.target_kind, row.target_name, row.target_uid, row.target_node),
        incident_id=row.incident_id,
        investigation_id=row.investigation_id,
        arguments=JsonReader.of(from_json(row.arguments), "arguments").data,
        calls=tuple(calls.each("calls", call_from_json)),
        reason=row.reason,
        asked_by=row.requested_by,
    )
    if order.digest != row.digest:
        raise ValueError(f"the order of action {row.id!r} is not the one that was proposed: its digest differs")
    return ActionRecord(
        order=order,
        mode=row.mode,
        requested_at=when(row.requested_at),
        state=ActionState(row.state),
        ruling=row.ruling,
        started_at=when_known(row.started_at),
        ended_at=when_known(row.ended_at),
        executor=row.executor,
        result=JsonReader.of(from_json(row.result), "result").data,
        note=row.note,
        undoes=row.undoes,
        refusal=Refusal(row.refusal),
        put_off=row.put_off,
    )
