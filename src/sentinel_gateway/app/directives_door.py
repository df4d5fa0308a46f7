"""Which gateway a command talks to, and as whom: the same options for every `directives` command, written once.

Whatever is not given is left to the client library's environment variables.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Annotated, get_type_hints

import typer


@dataclass(frozen=True, slots=True)
class Door:
    """What was given on the command line."""

    endpoint: Annotated[str | None, typer.Option(help="host:port of the gateway; else SENTINEL_ENDPOINT.")] = None
    ca_cert: Annotated[
        Path | None, typer.Option(help="Authority of the gateway's certificate, PEM; else SENTINEL_CA_CERT.")
    ] = None
    client_cert: Annotated[Path | None, typer.Option(help="Your certificate, PEM; else SENTINEL_CLIENT_CERT.")] = None
    client_key: Annotated[Path | None, typer.Option(help="Its key, PEM; else SENTINEL_CLIENT_KEY.")] = None
    token_file: Annotated[
        Path | None, typer.Option(help="File with your bearer token, which other users could read on a command line;"
                                  " else SENTINEL_TOKEN.")
    ] = None  # fmt: skip
    timeout: Annotated[
        float | None, typer.Option(min=0.001, help="Seconds for each call; else SENTINEL_TIMEOUT, else 30.")
    ] = None
    insecure: Annotated[
        bool, typer.Option("--insecure", help="No TLS, whatever the environment says; a token travels readable.")
    ] = False


def through_a_door(command: Callable[..., None]) -> Callable[..., None]:
    """`command` with the options of a `Door` behind its own; it gets the door as its first argument."""
    signature = inspect.signature(command, eval_str=True)
    hints = get_type_hints(Door, include_extras=True)
    own = list(signature.parameters.values())[1:]
    options = [
        inspect.Parameter(one.name, inspect.Parameter.KEYWORD_ONLY, default=one.default, annotation=hints[one.name])
        for one in fields(Door)
    ]

    def run(**given: object) -> None:
        door = Door(**{option.name: given.pop(option.name) for option in options})  # type: ignore[arg-type]  # typer's
        command(door, **given)

    vars(run)["__signature__"] = inspect.Signature([*own, *options])
    run.__annotations__ = {one.name: one.annotation for one in (*own, *options)}
    run.__doc__, run.__name__ = command.__doc__, command.__name__
    return run
