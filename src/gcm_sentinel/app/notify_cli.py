"""`gcm-sentinel notify …` as it stands on the command line; `notify_command` does it."""

from __future__ import annotations

from typing import Annotated

import typer

notify = typer.Typer(help="How people are told: try it.", no_args_is_help=True)

Sinks = Annotated[
    list[str] | None,
    typer.Option(help="Only this one: slack, webhook, pagerduty, kubernetes-event; may be repeated."),
]


@notify.command(name="test")
def try_out(sink: Sinks = None) -> None:
    """Send one message, marked as a test, through every configured sink, and say what became of it."""
    import asyncio

    from gcm_sentinel.app.logs import configure
    from gcm_sentinel.app.notify_command import notify_command
    from gcm_sentinel.app.settings import load

    settings = load()
    configure("ERROR")
    raise typer.Exit(asyncio.run(notify_command(settings, tuple(sink or ()))))
