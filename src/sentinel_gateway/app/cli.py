"""The command line. Every command imports what it needs when it runs, so that `--help` stays quick and small."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from sentinel_gateway.app.alerts_cli import alerts_group
from sentinel_gateway.app.directives_cli import directives
from sentinel_gateway.app.ledger_cli import ledger

if TYPE_CHECKING:
    from sentinel_gateway.app.settings import Settings
    from sentinel_gateway.domain.alert_settings import AlertSettings


def _alert_settings(settings: Settings) -> AlertSettings:
    from sentinel_gateway.app.settings_alerting import alert_settings

    return alert_settings(settings.alerting)


cli = typer.Typer(
    name="sentinel-gateway",
    help="A server for the whole of sentinel.v1, with an audit ledger that can be verified.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
)
config = typer.Typer(help="Look at the configuration.", no_args_is_help=True)
cli.add_typer(config, name="config")
cli.add_typer(alerts_group(_alert_settings), name="alerts")
cli.add_typer(directives, name="directives")
cli.add_typer(ledger, name="ledger")

ConfigFile = Annotated[
    Path | None, typer.Option("--config", help="Settings as YAML; default: the file that SENTINEL_CONFIG names.")
]
Insecure = Annotated[
    bool, typer.Option("--insecure", help="No TLS; callers without a token are admin and agent; loopback only.")
]
Listen = Annotated[str | None, typer.Option(help="host:port for gRPC.")]
Port = Annotated[int | None, typer.Option(min=0, max=65535, help="Port for gRPC; 0 for any free one.")]
RestPort = Annotated[int | None, typer.Option(min=0, max=65535, help="Port for REST; 0 for any free one.")]
DatabaseUrl = Annotated[str | None, typer.Option(help="sqlite:////path or postgresql://...")]
LogLevel = Annotated[str | None, typer.Option(help="debug, info, warning or error.")]


def main() -> None:
    """Run the command line; an expected error is words on standard error and an exit code that means something."""
    from sentinel_gateway.app.exits import Exit, of_error
    from sentinel_gateway.domain.errors import GatewayError

    os.environ.setdefault("GRPC_VERBOSITY", "NONE")  # gRPC's core writes lines of its own between those of our log
    try:
        try:
            cli()
        finally:
            sys.stdout.flush()  # a full disk or a closed pipe must show in the exit code, not after it
    except GatewayError as error:
        from sentinel_gateway.app.collecting import lines_of
        from sentinel_gateway.ledger.reports.shown import visible  # what it quotes may be foreign text

        sys.stderr.writelines(f"sentinel-gateway: {visible(line)}\n" for line in lines_of(error))
        sys.exit(of_error(error))
    except KeyboardInterrupt:
        sys.stderr.write("sentinel-gateway: interrupted\n")
        sys.exit(130)
    except OSError as error:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())  # what is left in the buffer has no reader
        sys.stderr.write(f"sentinel-gateway: the output could not be written or a file not read: {error}\n")
        sys.exit(Exit.OUTSIDE)


@cli.command()
def version() -> None:
    """Print the version."""
    from sentinel_serving.release import version as ours

    typer.echo(f"sentinel-gateway {ours()}")


@cli.command()
def serve(  # noqa: PLR0913  a command's options are its arguments
    config_file: ConfigFile = None,
    listen: Listen = None,
    port: Port = None,
    rest_port: RestPort = None,
    database_url: DatabaseUrl = None,
    log_level: LogLevel = None,
    *,
    insecure: Insecure = False,
) -> None:
    """Answer gRPC and REST until told to stop; prints the bound addresses as one line of JSON."""
    import asyncio

    from sentinel_gateway.app.flags import flags_of
    from sentinel_gateway.app.inputs import settings_that_fit
    from sentinel_gateway.app.logs import configure
    from sentinel_gateway.app.serve import serve as run

    flags = flags_of(listen=listen, database_url=database_url, log_level=log_level, insecure=insecure)
    settings = settings_that_fit(os.environ, flags, config_file, _ports(port, rest_port))
    configure(settings.log)
    asyncio.run(run(settings))


@config.command(name="show")
def config_show(  # noqa: PLR0913  the options of `serve`
    config_file: ConfigFile = None,
    listen: Listen = None,
    port: Port = None,
    rest_port: RestPort = None,
    database_url: DatabaseUrl = None,
    log_level: LogLevel = None,
    *,
    insecure: Insecure = False,
) -> None:
    """Print the configuration that `serve` would use with these options, as YAML, secrets masked."""
    from sentinel_gateway.app.flags import flags_of
    from sentinel_gateway.app.loading import load
    from sentinel_gateway.app.showing import as_yaml

    flags = flags_of(listen=listen, database_url=database_url, log_level=log_level, insecure=insecure)
    typer.echo(as_yaml(load(os.environ, flags, config_file, _ports(port, rest_port))), nl=False)


@config.command(name="check")
def config_check(  # noqa: PLR0913  the options of `serve`
    config_file: ConfigFile = None,
    listen: Listen = None,
    port: Port = None,
    rest_port: RestPort = None,
    database_url: DatabaseUrl = None,
    log_level: LogLevel = None,
    *,
    insecure: Insecure = False,
) -> None:
    """Say whether `serve` could start with these options: settings, certificates, tokens, keys.

    Exit code 2 where not, with a line for each thing that does not fit.
    """
    from sentinel_gateway.app.flags import flags_of
    from sentinel_gateway.app.inputs import inputs_of, settings_that_fit
    from sentinel_gateway.app.logs import to_standard_error

    to_standard_error()
    flags = flags_of(listen=listen, database_url=database_url, log_level=log_level, insecure=insecure)
    inputs_of(settings_that_fit(os.environ, flags, config_file, _ports(port, rest_port)))
    typer.echo("the configuration can be used")


@cli.command()
def token(
    name: Annotated[str, typer.Option(help="Who will use it; stands in the ledger.")],
    role: Annotated[
        list[str], typer.Option(help="viewer, operator, admin, auditor, agent, investigator or responder; repeatable.")
    ],
) -> None:
    """Make a bearer token: the token on standard output, its line for `access.tokens_file` on standard error."""
    from sentinel_gateway.app.minting import mint

    made = mint(name, role)
    typer.echo(made.line, err=True)
    typer.echo(made.token)


def _ports(grpc: int | None, rest: int | None) -> dict[str, int]:
    return {name: number for name, number in (("grpc", grpc), ("rest", rest)) if number is not None}
