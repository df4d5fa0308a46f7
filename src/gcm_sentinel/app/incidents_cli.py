"""`gcm-sentinel incidents …` as it stands on the command line; the `incidents_…` modules do it, imported late."""

from __future__ import annotations

from collections.abc import Callable, Coroutine
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from gcm_sentinel.app.output import Output, Plain

if TYPE_CHECKING:
    from gcm_sentinel.app.exits import Exit
    from gcm_sentinel.app.incident_store import OpenIncidents

incidents = typer.Typer(
    help="What was found and is stored: list, show, left-out, replay, close, reinvestigate.", no_args_is_help=True
)

Id = Annotated[
    str, typer.Argument(metavar="ID", help="Incident id, or its beginning; inc-….2 for its 2nd investigation.")
]
Revision = Annotated[int | None, typer.Option(min=1, help="Which investigation; default: the newest finished.")]
PlainOutput = Annotated[Plain, typer.Option(help="text or json.")]
StateDir = Annotated[Path | None, typer.Option(help="Folder of the SQLite files; default: the setting.")]
By = Annotated[str, typer.Option(help="Who asks; default: the user.")]


@incidents.command(name="list")
def list_incidents(
    *,
    all_: Annotated[bool, typer.Option("--all", help="Closed ones, too.")] = False,
    node: Annotated[str, typer.Option(help="Only those that affect this node, exactly.")] = "",
    since: Annotated[str, typer.Option(help="Only those with triggers since: 90m, 24h, 7d or 2026-11-20T10:00.")] = "",
    limit: Annotated[int, typer.Option(min=1, max=10_000, help="At most so many.")] = 50,
    output: PlainOutput = Plain.TEXT,
    state_dir: StateDir = None,
) -> None:
    """List incidents, the newest first; open ones unless told otherwise."""
    from gcm_sentinel.app.incidents_listing import Wanted, list_command

    wanted = Wanted(everything=all_, node=node, since=since, limit=limit)
    _run(state_dir, lambda store: list_command(store, wanted, output))


@incidents.command()
def show(
    incident: Id,
    revision: Revision = None,
    evidence: Annotated[str, typer.Option(metavar="E7", help="Show this piece of evidence whole.")] = "",
    triggers: Annotated[int, typer.Option(min=0, help="At most so many triggers.")] = 100,
    output: Annotated[Output, typer.Option(help="text, json or html.")] = Output.TEXT,
    state_dir: StateDir = None,
) -> None:
    """Show everything about one incident: triggers, investigations, orders, assessment, evidence, deliveries."""
    from gcm_sentinel.app.incidents_showing import Look, show_command

    look = Look(incident, revision, evidence, triggers)
    _run(state_dir, lambda store: show_command(store, look, output))


@incidents.command(name="left-out")
def left_out(
    limit: Annotated[int, typer.Option(min=1, max=10_000, help="At most so many.")] = 50,
    output: PlainOutput = Plain.TEXT,
    state_dir: StateDir = None,
) -> None:
    """List triggers that opened no incident, held or refused, and why; the newest first."""
    from gcm_sentinel.app.incidents_listing import left_out_command

    _run(state_dir, lambda store: left_out_command(store, limit, output))


@incidents.command()
def replay(
    incident: Id, revision: Revision = None, output: PlainOutput = Plain.TEXT, state_dir: StateDir = None
) -> None:
    """Play a stored investigation through the loop again; exit 1 when another assessment comes out."""
    from gcm_sentinel.app.incidents_replaying import replay_command
    from gcm_sentinel.app.incidents_showing import Look

    _run(state_dir, lambda store: replay_command(store, Look(incident, revision), output))


@incidents.command()
def close(
    incident: Id,
    reason: Annotated[str, typer.Option(help="Why; stands in the record.")] = "",
    by: By = "",
    state_dir: StateDir = None,
) -> None:
    """Close an incident by hand; what is still wrong opens no new one until it changes."""
    from gcm_sentinel.app.incidents_asking import close_command

    _run(state_dir, lambda store: close_command(store, incident, by, reason))


@incidents.command()
def reinvestigate(incident: Id, by: By = "", state_dir: StateDir = None) -> None:
    """Ask for another investigation; a closed incident is opened again. A running `serve` does it, cool-down or not."""
    from gcm_sentinel.app.incidents_asking import reinvestigate_command

    _run(state_dir, lambda store: reinvestigate_command(store, incident, by))


def _run(state_dir: Path | None, work: Callable[[OpenIncidents], Coroutine[Any, Any, Exit]]) -> None:
    import asyncio

    from gcm_sentinel.app.incident_store import with_incidents
    from gcm_sentinel.app.logs import configure
    from gcm_sentinel.app.settings import load

    settings = load({"state_dir": state_dir})
    configure("WARNING")
    raise typer.Exit(asyncio.run(with_incidents(settings, work)))
