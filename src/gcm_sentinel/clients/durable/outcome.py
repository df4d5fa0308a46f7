"""How the outcome of a step is written down: its result, or the error it raised, as one JSON text.

Every outcome is read back from its text before the job sees it, at the first run too, so that a job cannot depend on
anything a replay would not give it. The text is ASCII: what tools return may hold lone surrogates, which PostgreSQL and
SQLite refuse as raw text.

Errors of our tree are raised again as the same class with the same fields. Anything else that a step raises is a
crash of ours: it is logged with its traceback and recorded as `Bug`. It is recorded, rather than left for the next
start, because the same code on the same input would crash again at every start, and the job would never end.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable, Callable, Mapping
from typing import TypeVar

import structlog

from gcm_sentinel.domain import errors
from gcm_sentinel.domain.errors import Bug, Overloaded, Rejected, SentinelError
from gcm_sentinel.domain.jsontypes import Json
from gcm_sentinel.domain.steps import Codec

log = structlog.get_logger(__name__)

T = TypeVar("T")

FIELDS: Mapping[type[SentinelError], str] = {Overloaded: "retry_after_s", Rejected: "status"}
"""The one field beyond its message that an error class may carry."""


def tree(root: type[SentinelError] = SentinelError) -> Mapping[str, type[SentinelError]]:
    """The error classes of domain/errors.py by name."""
    found = {root.__name__: root} if root.__module__ == errors.__name__ else {}
    for child in root.__subclasses__():
        found |= tree(child)
    return found


async def outcome_of(name: str, work: Callable[[], Awaitable[T]], codec: Codec[T]) -> str:
    """Do `work` and write down how it ended. Cancellation passes: a step cut off was not done."""
    try:
        return json.dumps({"ok": codec.encode(await work())})
    except asyncio.CancelledError:
        if _was_cancelled():
            raise
        return json.dumps({"error": written(Bug(f"step {name!r} ended as cancelled though nobody cancelled it"))})
    except SentinelError as error:
        return json.dumps({"error": written(error)})
    except Exception as error:  # the border of a task: a crash of ours is recorded, once
        log.exception("step.crashed", step=name)
        return json.dumps({"error": written(Bug(f"step {name!r} crashed: {type(error).__name__}: {error}"))})


def _was_cancelled() -> bool:
    """Whether somebody asked the current task to stop; else the cancellation leaked from work of another task."""
    task = asyncio.current_task()
    return task is None or task.cancelling() > 0


def read(text: str, codec: Codec[T]) -> T:
    """The result in `text`.

    Raises:
        SentinelError: the error in `text`.
    """
    outcome = json.loads(text)
    if "error" in outcome:
        raise rebuilt(outcome["error"])
    return codec.decode(outcome["ok"])


def written(error: SentinelError) -> dict[str, Json]:
    """`error` as JSON; a subclass from elsewhere is written as its nearest ancestor in the tree."""
    known = tree()
    kind = next(cls for cls in type(error).__mro__ if known.get(cls.__name__) is cls)
    record: dict[str, Json] = {"type": kind.__name__, "message": str(error)}
    for owner, field in FIELDS.items():
        if isinstance(error, owner):
            record[field] = getattr(error, field)
    return record


def rebuilt(record: Mapping[str, Json]) -> SentinelError:
    """The error that `written` wrote; a class this version no longer has comes back as `Bug`."""
    name, message = str(record["type"]), str(record["message"])
    kind = tree().get(name)
    if kind is None:
        return Bug(f"a step recorded the unknown error {name!r}: {message}")
    fields = {key: value for key, value in record.items() if key not in ("type", "message")}
    return kind(message, **fields)
