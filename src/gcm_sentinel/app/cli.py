"""The command line. Every command imports what it needs when it runs, so that `--help` stays quick and small."""

from __future__ import annotations

import os
import sys
from collections.abc import Coroutine
from pathlib import Path
from typing import Annotated, Any, TypeVar

import typer

from gcm_sentinel.app.approvals_cli import approvals, breaker
from gcm_sentinel.app.cli_settings import settings_of
from gcm_sentinel.app.eval_cli import evaluation
from gcm_sentinel.app.incidents_cli import incidents
from gcm_sentinel.app.notify_cli import notify
from gcm_sentinel.app.output import Output, Plain

T = TypeVar("T")


cli = typer.Typer(
    name="gcm-sentinel",
    help="The on-call investigator of a GPU fleet: from a node condition to an evidenced assessment.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
)
fleet = typer.Typer(help="A simulated GPU fleet that speaks the real protocols.", no_args_is_help=True)
cli.add_typer(fleet, name="fleet")
cli.add_typer(evaluation, name="eval")
cli.add_typer(incidents, name="incidents")
cli.add_typer(approvals, name="approvals")
cli.add_typer(breaker, name="breaker")
cli.add_typer(notify, name="notify")

Engine = Annotated[str | None, typer.Option(help="auto, anthropic, openai or playbook; default: the setting.")]
LogLevel = Annotated[str | None, typer.Option(help="DEBUG, INFO, WARNING or ERROR; default: the setting.")]
Scenarios = Annotated[
    list[str] | None, typer.Option(help="Scenario id, or path of a scenario.yaml or its folder; may be repeated.")
]
Seed = Annotated[int, typer.Option(help="Draws names, indices, times and noise.")]
Verbose = Annotated[bool, typer.Option("--verbose", "-v", help="Show the model's words.")]


def main() -> None:
    """Run the command line; an expected error is one line on standard error and an exit code that means something."""
    from gcm_sentinel.app.exits import Exit, of_error
    from gcm_sentinel.domain.errors import SentinelError

    os.environ.setdefault("GRPC_VERBOSITY", "NONE")  # gRPC's core writes lines of its own between those of our log
    _open_closed_streams()
    try:
        try:
            cli()
        finally:
            sys.stdout.flush()  # a full disk or a closed pipe must show in the exit code, not after it
    except SentinelError as error:
        from gcm_sentinel.web.plain import printable

        sys.stderr.write(f"gcm-sentinel: {printable(str(error))}\n")  # a server's words may be part of it
        sys.exit(of_error(error))
    except KeyboardInterrupt:
        sys.stderr.write("gcm-sentinel: interrupted\n")
        sys.exit(130)
    except OSError as error:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())  # what is left in the buffer has no reader
        sys.stderr.write(f"gcm-sentinel: the output could not be written or a file not read: {error}\n")
        sys.exit(Exit.OUTSIDE)


def _open_closed_streams() -> None:
    """Give the process a standard output and error where its caller closed them; Python leaves None there."""
    sys.stdout = sys.stdout or Path(os.devnull).open("w")  # noqa: SIM115  for as long as the process lives
    sys.stderr = sys.stderr or Path(os.devnull).open("w")  # noqa: SIM115  for as long as the process lives


@cli.command()
def version() -> None:
    """Print the version."""
    from gcm_sentinel import __version__

    typer.echo(f"gcm-sentinel {__version__}")


@cli.command()
def serve(
    log_level: LogLevel = None,
    mode: Annotated[str | None, typer.Option(help="recommend, annotate, approve or execute.")] = None,
    kubeconfig: Annotated[Path | None, typer.Option(help="Another kubeconfig.")] = None,
) -> None:
    """Watch the cluster and investigate until told to stop."""
    from gcm_sentinel.app.serve import serve as run

    _run(run(settings_of({"log_level": log_level, "action_mode": mode, "kubeconfig": kubeconfig})))


@cli.command()
def investigate(  # noqa: PLR0913  a command's options are its arguments
    node: Annotated[str, typer.Argument(metavar="NODE", help="Name of the node, exactly.")],
    condition: Annotated[str, typer.Option(help="Condition type; default: whatever is bad on the node.")] = "",
    message: Annotated[str, typer.Option(help="What was reported, instead of the node's own message.")] = "",
    output: Annotated[Output, typer.Option(help="text, json or html.")] = Output.TEXT,
    *,
    publish: Annotated[bool, typer.Option("--publish", help="Also publish: Event, webhook, annotations.")] = False,
    engine: Engine = None,
    kubeconfig: Annotated[Path | None, typer.Option(help="Another kubeconfig.")] = None,
    verbose: Verbose = False,
    log_level: LogLevel = None,
) -> None:
    """Investigate one node now and print the assessment."""
    from gcm_sentinel.app.commands import investigate_command
    from gcm_sentinel.app.investigate import Request

    flags = {"llm_api": engine, "kubeconfig": kubeconfig, "log_level": log_level or "WARNING"}
    request = Request(node, condition, message)
    raise typer.Exit(
        _run(investigate_command(settings_of(flags), request, output=output, publish=publish, verbose=verbose))
    )


@cli.command()
def demo(
    scenario: Scenarios = None,
    engine: Annotated[str, typer.Option(help="auto, anthropic, openai or playbook.")] = "playbook",
    output: Annotated[Path, typer.Option(help="Folder for the report.")] = Path("demo-output"),
    seed: Seed = 7,
    *,
    verbose: Verbose = False,
) -> None:
    """Investigate simulated incidents end to end: no cluster, no key."""
    from gcm_sentinel.app.demo import demo as run

    settings_of({"log_level": "ERROR", "llm_api": engine})
    raise typer.Exit(_run(run(tuple(scenario or ()), engine=engine, output=output, seed=seed, verbose=verbose)))


@cli.command()
def doctor(
    output: Annotated[Plain, typer.Option(help="text or json.")] = Plain.TEXT,
    kubeconfig: Annotated[Path | None, typer.Option(help="Another kubeconfig.")] = None,
) -> None:
    """Say what is reachable, which sources are off and how to turn them on, what RBAC allows, if people can be told."""
    from gcm_sentinel.app.commands import doctor_command

    raise typer.Exit(_run(doctor_command(settings_of({"kubeconfig": kubeconfig, "log_level": "ERROR"}), output=output)))


@fleet.command(name="serve")
def fleet_serve(
    scenario: Annotated[str, typer.Option(help="Scenario id, or path of a scenario.yaml or its folder.")],
    seed: Seed = 1,
) -> None:
    """Serve a scenario's world on loopback and print its addresses; Ctrl-C ends it."""
    from gcm_sentinel.app.commands import fleet_command

    settings_of({"log_level": "ERROR"})
    _run(fleet_command(scenario, seed))


def _run(work: Coroutine[Any, Any, T]) -> T:
    import asyncio

    return asyncio.run(work)
