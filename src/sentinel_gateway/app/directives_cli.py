"""`sentinel-gateway directives ...` as it stands on the command line; what it needs is imported when a command runs.

These commands are clients of a running gateway, so that they go through the same door as every other caller: the
gateway proves who decides, minds the four eyes, and records it.
"""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated

import typer

from sentinel_gateway.app.directives_door import Door, through_a_door

directives = typer.Typer(
    help="Directives of a running gateway: list them, decide those that wait for a person, take back your own.\n\n"
    "The gateway is named by --endpoint or SENTINEL_ENDPOINT. Who you are is proved by a client certificate or a token:"
    " --client-cert with --client-key or --token-file, or else SENTINEL_CLIENT_CERT with SENTINEL_CLIENT_KEY or"
    " SENTINEL_TOKEN.\n\n"
    "Exit codes: 0 done, or somebody had decided the same before; 1 not done: refused, decided otherwise, overtaken, or"
    " you said no; 2 something must be given differently; 4 the gateway could not be reached.",
    no_args_is_help=True,
)


class Status(StrEnum):
    """What became of a directive."""

    WAITING = "waiting"
    EXECUTED = "executed"
    DENIED = "denied"
    EXPIRED = "expired"
    OVERTAKEN = "overtaken"
    WITHDRAWN = "withdrawn"


DirectiveId = Annotated[
    str, typer.Argument(metavar="ID", help="The directive's id, or its beginning where only one begins so.")
]
Json = Annotated[bool, typer.Option("--json", help="JSON on standard output.")]
Comment = Annotated[str, typer.Option(help="Why; stands in the ledger beside your name.")]
Yes = Annotated[bool, typer.Option("--yes", "-y", help="Do not ask.")]


@directives.command(name="list")
@through_a_door
def list_(
    door: Door,
    *,
    status: Annotated[
        list[Status] | None, typer.Option(help="Only these; may be repeated. Without it those that wait.")
    ] = None,
    everything: Annotated[bool, typer.Option("--all", help="Whatever became of them.")] = False,
    gpu: Annotated[str, typer.Option(help="Only those about the GPU with this UUID.")] = "",
    limit: Annotated[int, typer.Option(min=1, max=10_000, help="At most so many, the newest.")] = 100,
    json: Json = False,
) -> None:
    """List directives, newest first: those that wait for a person, unless told otherwise."""
    from sentinel_gateway.app.directives_commands import Listing, listed

    names = [] if everything else [one.name for one in status or [Status.WAITING]]
    raise typer.Exit(listed(door, Listing(tuple(names), gpu, limit), as_json=json))


@directives.command()
@through_a_door
def show(door: Door, directive_id: DirectiveId, *, json: Json = False) -> None:
    """Show a directive with its evidence, and what became of it."""
    from sentinel_gateway.app.directives_commands import shown

    raise typer.Exit(shown(door, directive_id, as_json=json))


@directives.command()
@through_a_door
def approve(
    door: Door, directive_id: DirectiveId, *, comment: Comment = "", json: Json = False, yes: Yes = False
) -> None:
    """Approve a waiting directive, which executes it at once; shows it first, and asks. Needs the role admin.

    Nobody approves a directive of their own, and none is executed whose GPU changed its state since it was asked.
    """
    _settle("approve", door, directive_id, comment, as_json=json, yes=yes)


@directives.command()
@through_a_door
def deny(door: Door, directive_id: DirectiveId, *, comment: Comment = "", json: Json = False, yes: Yes = False) -> None:
    """Deny a waiting directive for good; shows it first, and asks. Needs the role admin. The GPU stays as it is."""
    _settle("deny", door, directive_id, comment, as_json=json, yes=yes)


@directives.command()
@through_a_door
def withdraw(
    door: Door, directive_id: DirectiveId, *, comment: Comment = "", json: Json = False, yes: Yes = False
) -> None:
    """Take back a waiting directive that you issued; an admin may take back anybody's. The GPU stays as it is."""
    _settle("withdraw", door, directive_id, comment, as_json=json, yes=yes)


def _settle(verb: str, door: Door, directive_id: str, comment: str, *, as_json: bool, yes: bool) -> None:
    from sentinel_gateway.app.directives_commands import Settling, settled

    raise typer.Exit(settled(door, directive_id, Settling(verb, comment, as_json=as_json, unasked=yes)))
