"""What the `directives` commands do: ask the gateway, show, ask the person, decide, tell what became of it."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import islice
from typing import Any

import typer

from sentinel_gateway.app import directives_words as words
from sentinel_gateway.app.directives_client import exactly, found, id_of, over
from sentinel_gateway.app.directives_door import Door
from sentinel_gateway.app.exits import Exit
from sentinel_sdk import AuthenticationError, FailedPreconditionError, SentinelClient
from sentinel_sdk.types import DirectiveRecord, DirectiveStatus

_PAGE = 1000
_WANTED = {
    "approve": DirectiveStatus.EXECUTED,
    "deny": DirectiveStatus.DENIED,
    "withdraw": DirectiveStatus.WITHDRAWN,
}
"""What a directive is once it was decided like this."""
_MAY = {
    "approve": "admins decide, and nobody a directive of their own; `directives withdraw` takes your own back",
    "deny": "admins decide, and nobody a directive of their own; `directives withdraw` takes your own back",
    "withdraw": "an admin can deny it",
}


@dataclass(frozen=True, slots=True)
class Listing:
    """Which directives are wanted."""

    statuses: tuple[str, ...]
    """Names; none for all."""
    gpu: str
    limit: int


@dataclass(frozen=True, slots=True)
class Settling:
    """How a directive is to be decided."""

    verb: str
    """``approve``, ``deny`` or ``withdraw``."""
    comment: str
    as_json: bool = False
    unasked: bool = False


def listed(door: Door, wanted: Listing, *, as_json: bool) -> int:
    """Print the directives that are wanted; the exit code."""

    def work(client: SentinelClient) -> int:
        statuses = [DirectiveStatus[name] for name in wanted.statuses]
        listing = client.iter_directives(wanted.gpu, statuses, min(wanted.limit, _PAGE))
        records = list(islice(listing, wanted.limit))
        is_more = len(records) == wanted.limit and next(listing, None) is not None
        if as_json:
            _print({"directives": [words.as_json(one) for one in records], "more": is_more})
            return Exit.OK
        typer.echo(words.table(records, datetime.now(UTC)))
        if is_more:
            typer.echo(f"there are more than {wanted.limit}; --limit lists more of them", err=True)
        return Exit.OK

    return over(door, work)


def shown(door: Door, named: str, *, as_json: bool) -> int:
    """Print one directive; the exit code."""

    def work(client: SentinelClient) -> int:
        record = found(client, named)
        if as_json:
            _print(words.as_json(record))
        else:
            typer.echo(words.page(record, datetime.now(UTC)))
        return Exit.OK

    return over(door, work)


def settled(door: Door, named: str, how: Settling) -> int:
    """Show a directive and what will happen, ask, and decide; the exit code."""
    look_up = exactly if how.unasked else found
    return over(door, lambda client: _settle(client, look_up(client, named), how))


def _settle(client: SentinelClient, record: DirectiveRecord, how: Settling) -> int:
    if record.status is not DirectiveStatus.WAITING:
        return _too_late(record, how)
    typer.echo(words.page(record, datetime.now(UTC)), err=True)
    _, gpu = words.asked_and_gpu(record)
    typer.echo(f"\n{words.forecast(how.verb, record, client.query_gpu_health(gpu.uuid))}\n", err=True)
    if not how.unasked and (refused := _asked(how.verb)) is not None:
        return refused
    try:
        told = _deciding(client, how.verb)(id_of(record), how.comment)
    except FailedPreconditionError:
        return _too_late(client.get_directive(id_of(record)), how)  # somebody else was quicker, or the time ran out
    except AuthenticationError as error:
        raise AuthenticationError(f"{error}; {_MAY[how.verb]}", error.code) from error
    return _tell(told, how)


def _deciding(client: SentinelClient, verb: str) -> Callable[[str, str], DirectiveRecord]:
    return {
        "approve": client.approve_directive,
        "deny": client.deny_directive,
        "withdraw": client.withdraw_directive,
    }[verb]


def _asked(verb: str) -> Exit | None:
    """None where the person agrees; else the exit code."""
    try:
        agreed = typer.confirm(f"{verb} it?", err=True)
    except typer.Abort:
        typer.echo("\nnobody answered, nothing was done; give --yes where nobody can be asked", err=True)
        return Exit.USAGE
    if agreed:
        return None
    typer.echo("nothing was done", err=True)
    return Exit.UNMET


def _too_late(record: DirectiveRecord, how: Settling) -> Exit:
    """It does not wait any more; that is no failure where it is what was wanted."""
    sys.stderr.write(f"sentinel-gateway: {words.ending(record)}\n")
    if how.as_json:
        _print(words.as_json(record))
    return Exit.OK if record.status is _WANTED[how.verb] else Exit.UNMET


def _tell(record: DirectiveRecord, how: Settling) -> Exit:
    if how.as_json:
        _print(words.as_json(record))
    typer.echo(words.outcome(record), err=how.as_json)
    return Exit.OK if record.status is _WANTED[how.verb] else Exit.UNMET


def _print(value: dict[str, Any]) -> None:
    typer.echo(json.dumps(value, indent=1))
