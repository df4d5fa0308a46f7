"""Proposals as evidence: how the desk writes them down, and how they are read off a finished investigation.

They carry the source `remediation`, which no claim may cite: what we mean to do proves nothing about a fault.
"""

from __future__ import annotations

from collections.abc import Iterable

import structlog

from gcm_sentinel.domain.evidence import DESK, Evidence, ResultStatus, ToolResult
from gcm_sentinel.domain.gate import Ruling
from gcm_sentinel.domain.json_reader import JsonReader
from gcm_sentinel.domain.jsontypes import Json, JsonObject
from gcm_sentinel.domain.operations import DECLARED, Operation
from gcm_sentinel.domain.order import ActionTarget, ApiCall, Order, call_from_json
from gcm_sentinel.domain.redaction import Redactor
from gcm_sentinel.domain.remediation import Affected, Plan

SOURCE = DESK
"""Name of the desk as a source."""

log = structlog.get_logger(__name__)


def noted(plan: Plan, ruling: Ruling) -> ToolResult:
    """A plan the gate did not refuse, as a tool result: what would be sent, to whom it matters, what happens next."""
    declaration = DECLARED[plan.order.operation]
    summary: JsonObject = {
        "proposal": order_to_json(plan.order),
        "digest": plan.order.digest,
        "what_next": f"{ruling.reason}. It goes further only when your assessment advises it and holds.",
        "dry_run": [str(call) for call in plan.order.calls],
        "affects": [_affected(item) for item in plan.affects],
        "spared": list(plan.spared),
        "notes": list(plan.notes),
        "undone_by": declaration.undone_by,
        "verified_when": declaration.verified,
    }
    return ToolResult(ResultStatus.OK, query=f"dry run of {plan.order.operation}", summary=summary)


def proposals(evidence: Iterable[Evidence]) -> tuple[Order, ...]:
    """The orders an investigation noted, in order; one whose digest is not the one it was noted with is left out, and
    the log says so."""
    return tuple(_order(item) for item in evidence if _is_proposal(item) and _is_whole(item))


def changed_by(redactor: Redactor, order: Order) -> str:
    """The part of `order` that `redactor` would change where it is stored: ``calls``; empty where none."""
    data = order_to_json(order)
    return next((name for name, part in data.items() if redactor.object({name: part}) != {name: part}), "")


def proposed_before(order: Order, evidence: Iterable[Evidence]) -> str:
    """The id of the evidence that noted the same order; empty where none did."""
    return next((item.id for item in evidence if _is_proposal(item) and _order(item).key == order.key), "")


def order_to_json(order: Order) -> JsonObject:
    """As JSON; `order_from_json` reads it."""
    target = order.target
    return {
        "operation": str(order.operation),
        "target": {"kind": target.kind, "name": target.name, "uid": target.uid, "node": target.node},
        "incident_id": order.incident_id,
        "investigation_id": order.investigation_id,
        "arguments": dict(order.arguments),
        "calls": [_call(call) for call in order.calls],
        "reason": order.reason,
        "asked_by": order.asked_by,
    }


def order_from_json(data: Json) -> Order:
    """The order in `data`.

    Raises:
        BadConfiguration: it is not what `order_to_json` writes; the message names the place.
    """
    reader = JsonReader.of(data, "order")
    target = reader.inside("target")
    return Order(
        operation=reader.member("operation", Operation),
        target=ActionTarget(*(target.get(key, str) for key in ("kind", "name", "uid", "node"))),
        incident_id=reader.get("incident_id", str),
        investigation_id=reader.get("investigation_id", str),
        arguments=reader.inside("arguments").data,
        calls=tuple(reader.each("calls", call_from_json)),
        reason=reader.get("reason", str),
        asked_by=reader.get("asked_by", str),
    )


def _is_proposal(item: Evidence) -> bool:
    return item.source == SOURCE and item.result.status is ResultStatus.OK


def _is_whole(item: Evidence) -> bool:
    """Whether nothing, a mask over what looked like a secret for example, has changed the order since it was noted."""
    order = _order(item)
    if order.digest == item.result.summary.get("digest"):
        return True
    log.error("action.proposal_changed", evidence=item.id, order=order.key, hint="it goes no further")
    return False


def _order(item: Evidence) -> Order:
    return order_from_json(item.result.summary.get("proposal"))


def _call(call: ApiCall) -> JsonObject:
    return {"method": call.method, "path": call.path, "body": call.body, "content_type": call.content_type}


def _affected(item: Affected) -> JsonObject:
    return {"pod": item.pod, "owner": item.owner, "gpus": item.gpus, "gang_elsewhere": list(item.gang)}
