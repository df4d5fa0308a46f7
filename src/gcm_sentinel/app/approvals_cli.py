"""`gcm-sentinel approvals …` and `breaker …` as they stand on the command line; `approvals_command` does it."""

from __future__ import annotations

from collections.abc import Callable, Coroutine
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from gcm_sentinel.app.output import Plain

if TYPE_CHECKING:
    from gcm_sentinel.app.approval_book import Book
    from gcm_sentinel.app.exits import Exit

approvals = typer.Typer(help="Actions that wait for a person: list, show, approve, deny.", no_args_is_help=True)
breaker = typer.Typer(help="The circuit breaker of the fleet: show, reset.", no_args_is_help=True)

Id = Annotated[str, typer.Argument(metavar="ID", help="Of the question: ap-…")]
By = Annotated[str, typer.Option(help="Who decides; default: the user.")]
Reason = Annotated[str, typer.Option(help="Why; stands in the record.")]
PlainOutput = Annotated[Plain, typer.Option(help="text or json.")]
StateDir = Annotated[Path | None, typer.Option(help="Folder of the SQLite files; default: the setting.")]
Digest = Annotated[
    str,
    typer.Option(help="Of the order, as `approvals show` shows it, or its first 12 characters; else you are asked."),
]


@approvals.command(name="list")
def list_approvals(
    *,
    all_: Annotated[bool, typer.Option("--all", help="Decided, expired and withdrawn ones, too.")] = False,
    limit: Annotated[int, typer.Option(min=1, max=10_000, help="With --all: at most so many, the newest.")] = 50,
    output: PlainOutput = Plain.TEXT,
    state_dir: StateDir = None,
) -> None:
    """List what waits for a person, the first to expire first; with --all what became of every question."""
    from gcm_sentinel.app.approvals_command import list_command

    _run(state_dir, lambda book: list_command(book, output, everything=all_, limit=limit))


@approvals.command()
def show(question: Id, output: PlainOutput = Plain.TEXT, state_dir: StateDir = None) -> None:
    """Show exactly what would be done, to what, why, who decided, and what came of it."""
    from gcm_sentinel.app.approvals_command import show_command

    _run(state_dir, lambda book: show_command(book, question, output))


@approvals.command()
def approve(question: Id, digest: Digest = "", by: By = "", reason: Reason = "", state_dir: StateDir = None) -> None:
    """Let exactly this order be carried out; a running `serve` does it if nothing speaks against it by then."""
    from gcm_sentinel.app.approvals_command import Said, decide_command

    said = Said(approve=True, by=by, reason=reason, digest=digest)
    _run(state_dir, lambda book: decide_command(book, question, said))


@approvals.command()
def deny(question: Id, by: By = "", reason: Reason = "", state_dir: StateDir = None) -> None:
    """Refuse it; nothing is sent."""
    from gcm_sentinel.app.approvals_command import Said, decide_command

    said = Said(approve=False, by=by, reason=reason)
    _run(state_dir, lambda book: decide_command(book, question, said))


@breaker.command(name="show")
def show_breaker(state_dir: StateDir = None) -> None:
    """Say whether it is open, since when and why; exit 1 when it is."""
    from gcm_sentinel.app.approvals_command import show_breaker_command

    _run(state_dir, show_breaker_command)


@breaker.command()
def reset(by: By = "", state_dir: StateDir = None) -> None:
    """Close it: actions may take nodes out of service again."""
    from gcm_sentinel.app.approvals_command import reset_breaker_command

    _run(state_dir, lambda book: reset_breaker_command(book, by))


def _run(state_dir: Path | None, work: Callable[[Book], Coroutine[Any, Any, Exit]]) -> None:
    import asyncio

    from gcm_sentinel.app.approval_book import with_book
    from gcm_sentinel.app.logs import configure
    from gcm_sentinel.app.settings import load

    settings = load({"state_dir": state_dir})
    configure("WARNING")
    raise typer.Exit(asyncio.run(with_book(settings, work)))
