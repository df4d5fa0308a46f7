"""Directives as rows: themselves, and the news of them that followers are told."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from sqlalchemy import Connection, bindparam, text

from sentinel_gateway.domain.directives import (
    Approval,
    Directive,
    DirectiveFilter,
    DirectiveNews,
    DirectiveRecord,
    DirectiveStatus,
)
from sentinel_gateway.domain.health import Action, HealthState
from sentinel_gateway.storage.statements import inserting, replacing
from sentinel_gateway.storage.values import gpu_of, gpu_text, packed, unpacked

_COLUMNS = (
    *("directive_id", "gpu_uuid", "gpu", "action", "reason", "initiated_by", "evidence", "time_ns", "priority"),
    *("requires_approval", "status", "from_state", "resulting_state", "issued_by", "issued_ns", "expires_ns"),
    *("executed_ns", "note", "request_time_ns", "approved", "reviewer", "review_time_ns", "comment", "from_revision"),
    "overrules",
)
_NAMES = ", ".join(_COLUMNS)
SAVE = replacing("directives", _COLUMNS, ("directive_id",))
"""Stores one `directive_row`."""
SAVE_NEWS = inserting("directive_news", ("position", "directive_id", "executed", "time_ns"))
"""Stores one `news_row`."""
_BY_ID = text(f"SELECT {_NAMES} FROM directives WHERE directive_id IN :ids").bindparams(  # noqa: S608  our own words
    bindparam("ids", expanding=True)
)
_WAITING = text(f"SELECT {_NAMES} FROM directives WHERE status = 1 ORDER BY number")  # noqa: S608  our own words
_FIRST_NEWS = text("SELECT min(position) FROM directive_news WHERE directive_id = :directive_id")
_NEWS = text(
    f"SELECT position, executed, {', '.join('d.' + name for name in _COLUMNS)} "  # noqa: S608  our own words
    "FROM directive_news n JOIN directives d ON d.directive_id = n.directive_id "
    "WHERE position > :after ORDER BY position LIMIT :limit"
)


def directive_row(record: DirectiveRecord) -> dict[str, Any]:
    """One directive."""
    directive, approval = record.directive, record.directive.approval
    return {
        "directive_id": directive.directive_id,
        "gpu_uuid": directive.gpu.uuid,
        "gpu": gpu_text(directive.gpu),
        "action": directive.action.value,
        "reason": directive.reason,
        "initiated_by": directive.initiated_by,
        "evidence": packed(directive.evidence),
        "time_ns": directive.time_ns,
        "priority": directive.priority,
        "requires_approval": int(directive.requires_approval),
        "status": int(record.status),
        "from_state": int(record.from_state),
        "from_revision": record.from_revision,
        "resulting_state": int(record.resulting_state),
        "issued_by": record.issued_by,
        "issued_ns": record.issued_ns,
        "expires_ns": record.expires_ns,
        "executed_ns": record.executed_ns,
        "note": record.note,
        "request_time_ns": record.request_time_ns,
        "approved": None if approval is None else int(approval.approved),
        "reviewer": approval and approval.reviewer,
        "review_time_ns": approval and approval.review_time_ns,
        "comment": approval and approval.comment,
        "overrules": int(record.overrules),
    }


def news_row(news: DirectiveNews, now_ns: int) -> dict[str, Any]:
    """One piece of news."""
    directive = news.directive
    executed = not directive.requires_approval or directive.approval is not None
    return {
        "position": news.position,
        "directive_id": directive.directive_id,
        "executed": int(executed),
        "time_ns": now_ns,
    }


def _record_of(row: Mapping[str, Any]) -> DirectiveRecord:
    approval = None
    if row["approved"] is not None:
        approval = Approval(bool(row["approved"]), row["reviewer"], row["review_time_ns"], row["comment"])
    directive = Directive(
        directive_id=row["directive_id"],
        gpu=gpu_of(row["gpu"]),
        action=Action(row["action"]),
        reason=row["reason"],
        initiated_by=row["initiated_by"],
        evidence=tuple(unpacked(row["evidence"])),
        time_ns=row["time_ns"],
        priority=row["priority"],
        requires_approval=bool(row["requires_approval"]),
        approval=approval,
    )
    return DirectiveRecord(
        directive=directive,
        status=DirectiveStatus(row["status"]),
        from_state=HealthState(row["from_state"]),
        resulting_state=HealthState(row["resulting_state"]),
        issued_by=row["issued_by"],
        issued_ns=row["issued_ns"],
        expires_ns=row["expires_ns"],
        executed_ns=row["executed_ns"],
        note=row["note"],
        request_time_ns=row["request_time_ns"],
        from_revision=row["from_revision"],
        overrules=bool(row["overrules"]),
    )


def directives_by_id(connection: Connection, ids: Sequence[str]) -> dict[str, DirectiveRecord]:
    """Those of `ids` that exist."""
    rows = connection.execute(_BY_ID, {"ids": list(ids)}).mappings()
    return {row["directive_id"]: _record_of(dict(row)) for row in rows}


def waiting_directives(connection: Connection) -> tuple[DirectiveRecord, ...]:
    """Those that wait for a person, oldest first."""
    return tuple(_record_of(dict(row)) for row in connection.execute(_WAITING).mappings())


def directive_page(
    connection: Connection, wanted: DirectiveFilter, limit: int, before: int | None
) -> list[tuple[int, DirectiveRecord]]:
    """Up to `limit` directives with their numbers, newest first, older than number `before` (None for the newest)."""
    conditions = ["number < :before"] if before is not None else []
    conditions += ["gpu_uuid = :gpu_uuid"] if wanted.gpu_uuid else []
    conditions += ["status IN :statuses"] if wanted.statuses else []
    where = f"WHERE {' AND '.join(conditions)}" if conditions else ""
    # The conditions are the constants above.
    query = text(f"SELECT number, {_NAMES} FROM directives {where} ORDER BY number DESC LIMIT :limit")  # noqa: S608
    if wanted.statuses:
        query = query.bindparams(bindparam("statuses", expanding=True))
    parameters = {
        "limit": limit,
        "before": before,
        "gpu_uuid": wanted.gpu_uuid,
        "statuses": [int(status) for status in wanted.statuses],
    }
    names = set(query.compile().params)
    rows = connection.execute(query, {name: value for name, value in parameters.items() if name in names}).mappings()
    return [(row["number"], _record_of(dict(row))) for row in rows]


def first_news_of(connection: Connection, directive_id: str) -> int | None:
    """The position at which a directive was first told; None where it never was."""
    found = connection.scalar(_FIRST_NEWS, {"directive_id": directive_id})
    return None if found is None else int(found)


def news_after(connection: Connection, position: int, limit: int) -> list[DirectiveNews]:
    """News after `position`, in order, each directive as it was told then."""
    rows = connection.execute(_NEWS, {"after": position, "limit": limit}).mappings()
    return [_news_of(dict(row)) for row in rows]


def _news_of(row: Mapping[str, Any]) -> DirectiveNews:
    directive = _record_of(row).directive
    return DirectiveNews(row["position"], directive if row["executed"] else replace(directive, approval=None))
