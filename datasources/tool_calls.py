"""Reading the arguments of a tool call and answering a failed one, the same way in every source that uses it.

Arguments come from a model, so a wrong one is answered in words (`ValueError` becomes an error result), never raised.
"""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from typing import cast

from gcm_sentinel.domain.errors import Forbidden, NotFound, SentinelError, Unreachable
from gcm_sentinel.domain.evidence import ResultStatus, TimeRange, ToolResult
from gcm_sentinel.domain.jsontypes import JsonObject
from gcm_sentinel.domain.protocols import Scope
from gcm_sentinel.domain.transcript import ToolCall


def text(call: ToolCall, name: str, default: str | None = None) -> str:
    """A string argument without blanks around it; numbers are taken as text.

    Raises:
        ValueError: it is missing and has no default, or is not a string.
    """
    value = call.arguments.get(name)
    if value is None or value == "":
        if default is None:
            raise ValueError(f"{call.name} needs the argument {name!r}")
        return default
    if isinstance(value, bool) or not isinstance(value, str | int | float):
        raise ValueError(f"{name!r} must be a string, not {value!r}")
    return str(value).strip()


def texts(call: ToolCall, name: str) -> tuple[str, ...]:
    """A list of strings; a single one counts as a list of one, a list written as text (JSON or commas) is taken apart.

    Raises:
        ValueError: it is something else.
    """
    value = call.arguments.get(name)
    if value is None:
        return ()
    if isinstance(value, str):
        return tuple(
            word for part in value.strip().strip("[]").split(",") if (word := part.strip().strip("\"'").strip())
        )
    if isinstance(value, int | float) and not isinstance(value, bool):
        return (str(value),)
    if isinstance(value, Sequence) and all(isinstance(part, str | int) for part in value):
        return tuple(str(part).strip() for part in value if str(part).strip())
    raise ValueError(f"{name!r} must be a list of strings, not {value!r}")


def failed(query: str, note: str) -> ToolResult:
    """An error result: the request was wrong or went wrong, nothing was observed."""
    return ToolResult(ResultStatus.ERROR, query, note=note)


def of_error(query: str, error: SentinelError, *, enable: str = "", window: TimeRange | None = None) -> ToolResult:
    """The result that an error of ours stands for.

    A source that is off, forbidden or out of reach is unavailable, and `enable` says what an operator would do about
    it; anything else went wrong with this one request.
    """
    out_of_reach = isinstance(error, Forbidden | NotFound | Unreachable)
    status = ResultStatus.UNAVAILABLE if out_of_reach else ResultStatus.ERROR
    note = f"{error}. {enable}".strip() if enable and out_of_reach else str(error)
    return ToolResult(status, query, note=note, time_range=window)


def as_json(summary: Mapping[str, object]) -> JsonObject:
    """A typed summary as the JSON object it is; the type checker does not see that a TypedDict is one."""
    return cast("JsonObject", summary)


_NODE_NAME = re.compile(r"[a-z0-9](?:[-a-z0-9]*[a-z0-9])?(?:\.[a-z0-9](?:[-a-z0-9]*[a-z0-9])?)*")


def node_name(call: ToolCall, scope: Scope) -> str:
    """The node a call is about, the investigated one when it names none.

    It becomes part of a URL path and of queries, so what cannot be a node's name is refused.

    Raises:
        ValueError: not a name Kubernetes allows.
    """
    value = text(call, "node_name", scope.node)
    if len(value) > 253 or not _NODE_NAME.fullmatch(value):
        raise ValueError(f"'node_name' is not a node name: {value!r}; give the exact name of one node")
    return value


@asynccontextmanager
async def within(seconds: float, what: str) -> AsyncIterator[None]:
    """A deadline around outside calls.

    Raises:
        Unreachable: it passed.
    """
    try:
        async with asyncio.timeout(seconds):
            yield
    except TimeoutError as error:
        raise Unreachable(f"{what} took longer than {seconds:g} s") from error
