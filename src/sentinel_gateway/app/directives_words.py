"""Directives as people and programs read them: a table, a page, JSON; and what a decision will do.

Reasons, names and ids come from callers, so nothing of them is printed before what hides in them is spelt out.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from sentinel_gateway.domain.errors import IllegalState
from sentinel_gateway.domain.health import Action, HealthState, after
from sentinel_gateway.ledger.reports.claims import proved
from sentinel_gateway.ledger.reports.shown import duration, visible
from sentinel_sdk.types import DirectiveRecord, DirectiveStatus, GpuHealth, GpuIdentifier, QuarantineDirective

_HEADS = ("ID", "STATUS", "ACTION", "GPU", "NODE", "ISSUED BY", "AGE", "EXPIRES", "REASON")
_REASON_LETTERS = 60
_AFTER = {
    HealthState.HEALTHY: "It goes back into production; its scores begin anew.",
    HealthState.QUARANTINED: "It is taken out of production.",
    HealthState.DEEP_TEST: "It stays out of production while it is tested.",
    HealthState.CONDEMNED: "It is given up for good: no directive brings it back.",
}


def table(records: Sequence[DirectiveRecord], now: datetime) -> str:
    """One line each. Ids are whole: what is unique today may begin another tomorrow, and `--yes` takes nothing less."""
    if not records:
        return "no directives"
    rows = [_HEADS, *(_row(one, now) for one in records)]
    widths = [max(len(row[column]) for row in rows) for column in range(len(_HEADS))]
    lines = ("  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)) for row in rows)
    return "\n".join(line.rstrip() for line in lines)


def page(record: DirectiveRecord, now: datetime) -> str:
    """Everything about one."""
    asked, gpu = asked_and_gpu(record)
    model = f" ({gpu.model}, index {gpu.device_index})" if gpu.model else ""
    claim = f"; the request says {asked.initiated_by!r}" if asked.initiated_by not in ("", record.issued_by) else ""
    lines = [
        ("directive", asked.directive_id),
        ("status", record.status.name),
        ("action", asked.action.name),
        ("gpu", f"{gpu.uuid}{model}"),
        ("node", gpu.hostname or "unknown"),
        ("state then", record.from_state.name),
        ("reason", asked.reason or "none given"),
        ("issued by", f"{issuer(record)}{claim}"),
        ("issued at", _ago(record.issued_at or asked.timestamp, now)),
    ]
    if record.status is DirectiveStatus.WAITING and record.expires_at:
        lines.append(("expires", _ahead(record.expires_at, now)))
    lines += [("evidence", item) for item in asked.evidence]
    if asked.approval:
        verb = "approved by" if asked.approval.approved else "denied by"
        comment = f": {asked.approval.comment}" if asked.approval.comment else ""
        lines.append((verb, f"{proved(asked.approval.reviewer)}, {_ago(asked.approval.review_time, now)}{comment}"))
    if record.note:
        lines.append(("note", record.note))
    return "\n".join(f"  {name:<12}{visible(text)}" for name, text in lines)


def forecast(verb: str, record: DirectiveRecord, health: GpuHealth) -> str:
    """What will happen to the GPU; `health` is its health now."""
    asked, gpu = asked_and_gpu(record)
    place = visible(f"{gpu.uuid} on {gpu.hostname}" if gpu.hostname else gpu.uuid)
    if verb != "approve":
        again = "asking again takes a new directive"
        return f"{place} stays {health.state.name}; nobody can approve this directive any more, {again}."
    if health.state != record.from_state or _moved_since(record, health):
        return (
            f"Nothing: {place} was {record.from_state.name} when this was asked, has changed since, and is"
            f" {health.state.name} now. The directive will be marked OVERTAKEN."
        )
    try:
        reached = after(HealthState(health.state), Action(int(asked.action)))
    except (IllegalState, ValueError) as error:
        return f"The gateway will refuse it: {visible(str(error))}."
    moved = f"goes from {health.state.name} to {reached.name} at once"
    return f"If you may decide it, {place} {moved}. {_AFTER.get(reached, '')}".rstrip()


def ending(record: DirectiveRecord) -> str:
    """Why a directive that does not wait cannot be decided any more."""
    asked, _ = asked_and_gpu(record)
    by = f" by {asked.approval.reviewer}" if asked.approval else ""
    words = {
        DirectiveStatus.EXECUTED: f"was executed; approved{by}" if by else "was executed; it needed no approval",
        DirectiveStatus.DENIED: f"was denied{by}",
        DirectiveStatus.EXPIRED: "has expired: nobody decided it in time; ask again with a new one if need be",
        DirectiveStatus.OVERTAKEN: f"was approved{by} but overtaken: {record.note}",
        DirectiveStatus.WITHDRAWN: f"was taken back ({record.note})",
    }
    told = words.get(record.status, f"does not wait: it is {record.status.name}")
    return visible(f"directive {asked.directive_id} {told}")


def outcome(record: DirectiveRecord) -> str:
    """What became of a directive by one's own decision."""
    _, gpu = asked_and_gpu(record)
    words = {
        DirectiveStatus.EXECUTED: f"approved: {gpu.uuid} is {record.resulting_state.name} now",
        DirectiveStatus.OVERTAKEN: f"overtaken, nothing was done: {record.note}",
        DirectiveStatus.DENIED: f"denied: {gpu.uuid} stays as it is",
        DirectiveStatus.WITHDRAWN: f"taken back: {gpu.uuid} stays as it is",
    }
    return visible(words.get(record.status, record.status.name))


def as_json(record: DirectiveRecord) -> dict[str, Any]:
    """All fields, enumerations by name."""
    asked, gpu = asked_and_gpu(record)
    told = asked.model_dump(mode="json", exclude={"gpu", "action", "approval", "timestamp"})
    return {
        **told,
        "gpu": gpu.model_dump(mode="json"),
        "action": asked.action.name,
        "status": record.status.name,
        "from_state": record.from_state.name,
        "resulting_state": record.resulting_state.name,
        "issued_by": record.issued_by,
        "note": record.note,
        "approval": asked.approval.model_dump(mode="json") if asked.approval else None,
        "timestamp": _iso(asked.timestamp),
        "issued_at": _iso(record.issued_at),
        "expires_at": _iso(record.expires_at),
        "executed_at": _iso(record.executed_at),
    }


def issuer(record: DirectiveRecord) -> str:
    """Who proved to have issued it."""
    return proved(record.issued_by) if record.issued_by else "unknown (the gateway does not tell)"


def asked_and_gpu(record: DirectiveRecord) -> tuple[QuarantineDirective, GpuIdentifier]:
    """The directive and its GPU; empty ones where the gateway left them out."""
    asked = record.directive or QuarantineDirective()
    return asked, asked.gpu or GpuIdentifier()


def _row(record: DirectiveRecord, now: datetime) -> tuple[str, ...]:
    asked, gpu = asked_and_gpu(record)
    issued = record.issued_at or asked.timestamp
    waits = record.status is DirectiveStatus.WAITING and record.expires_at
    reason = visible(asked.reason)
    return (
        visible(asked.directive_id),
        record.status.name,
        asked.action.name,
        visible(gpu.uuid),
        visible(gpu.hostname) or "-",
        visible(record.issued_by) or "-",
        duration(max((now - issued).total_seconds(), 0)) if issued else "-",
        f"in {duration(max((record.expires_at - now).total_seconds(), 0))}" if waits and record.expires_at else "-",
        reason if len(reason) <= _REASON_LETTERS else f"{reason[: _REASON_LETTERS - 1]}\u2026",
    )


def _moved_since(record: DirectiveRecord, health: GpuHealth) -> bool:
    return bool(health.state_changed_at and record.issued_at and health.state_changed_at > record.issued_at)


def _ago(moment: datetime | None, now: datetime) -> str:
    if moment is None:
        return "unknown"
    return f"{_iso(moment)} ({duration(max((now - moment).total_seconds(), 0))} ago)"


def _ahead(moment: datetime, now: datetime) -> str:
    return f"{_iso(moment)} (in {duration(max((moment - now).total_seconds(), 0))})"


def _iso(moment: datetime | None) -> str | None:
    return moment.isoformat(timespec="seconds").replace("+00:00", "Z") if moment else None
