"""The command line. Every command imports what it needs when it runs, so that `--help` stays quick and small."""

from __future__ import annotations

import os
import sys
import traceback
from pathlib import Path
from typing import Annotated, NoReturn

import typer

from sentinel_node.app.commands import Once

cli = typer.Typer(
    name="sentinel-node",
    help="Runs on a GPU node: probes of the silicon, telemetry, the kernel's log, named diagnostics.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
)

ConfigFile = Annotated[
    Path | None, typer.Option("--config", help="Settings as YAML; default: the file that SENTINEL_NODE_CONFIG names.")
]
AsJson = Annotated[bool, typer.Option("--json", help="Print JSON for programs.")]


_END_S = 5.0
"""For Python to end once everything is said."""
_END_BEYOND_GRACE_S = 15.0
_INTERRUPTED = 130


def main() -> None:
    """Run the command line, and leave although something hangs that Python would wait for."""
    from sentinel_node.app.leaving import leave_after

    try:
        _commanded()
    except SystemExit as end:
        leave_after(_END_S, end.code if isinstance(end.code, int) else 1)
        raise


def _commanded() -> None:
    """An error is words on standard error and an exit code that means something: 1 is only for what a command found."""
    from sentinel_node.app.exits import Exit, of_error
    from sentinel_node.domain.errors import NodeError

    os.environ.setdefault("GRPC_VERBOSITY", "NONE")  # gRPC's core writes lines of its own between those of our log
    try:
        try:
            cli()
        finally:
            sys.stdout.flush()  # a full disk or a closed pipe must show in the exit code, not after it
    except NodeError as error:
        _end(of_error(error), "".join(f"sentinel-node: {line}\n" for line in str(error).splitlines()))
    except KeyboardInterrupt:
        _end(_INTERRUPTED, "sentinel-node: interrupted\n")
    except SystemExit as end:
        if isinstance(end.__context__, BrokenPipeError):  # for which the library below has an exit code of its own, 1
            _end(Exit.OUTSIDE)
        raise
    except BrokenPipeError:
        _end(Exit.OUTSIDE)  # nobody reads any more, which needs no words
    except Exception as error:  # noqa: BLE001  a command's border: Python's own exit code, 1, would say the GPU failed
        _end(Exit.OUTSIDE, f"{traceback.format_exc()}sentinel-node: unexpected: {error!r}\n")


def _end(code: int, words: str = "") -> NoReturn:
    """Say why, and leave with the code, although nothing can be written any more."""
    for stream, text in ((sys.stderr, words), (sys.stdout, "")):
        try:
            stream.write(text)
            stream.flush()
        except OSError:  # Python writes what is left at its end, and a failure then has an exit code of its own
            os.dup2(os.open(os.devnull, os.O_WRONLY), stream.fileno())
    sys.exit(code)


@cli.command(cls=Once)
def version() -> None:
    """Print the version."""
    from sentinel_serving.release import version as ours

    typer.echo(f"sentinel-node {ours()}")


@cli.command(cls=Once)
def serve(
    config_file: ConfigFile = None,
    listen: Annotated[str | None, typer.Option(help="host:port of the service; port 0 for any free one.")] = None,
    software_gpus: Annotated[int | None, typer.Option(help="Serve so many GPUs simulated in software.")] = None,
    log_level: Annotated[str | None, typer.Option(help="debug, info, warning or error.")] = None,
) -> None:
    """Answer the service, probe by schedule and report until told to stop; prints where it listens as a JSON line."""
    import asyncio
    from functools import partial

    from sentinel_node.app.leaving import leave_after
    from sentinel_node.app.loading import load
    from sentinel_node.app.serve import serve as run
    from sentinel_serving.logs import configure

    flags = {"listen": listen, "software_gpus": software_gpus, "log_level": log_level}
    settings = load(os.environ, flags, config_file)
    configure(settings.log_level, settings.log_format)
    end_within_s = settings.stop_grace_seconds + _END_BEYOND_GRACE_S
    asyncio.run(run(settings, partial(leave_after, end_within_s, 0)))


@cli.command(cls=Once)
def probe(  # noqa: PLR0913  a command's options are its arguments
    kind: Annotated[str, typer.Argument(help="fma, tensor_core, transcendental, aes, memory, register_file, ...")],
    config_file: ConfigFile = None,
    gpu: Annotated[str, typer.Option(help="UUID or index; empty for the first.")] = "",
    variant: Annotated[str, typer.Option(help="A number format or algorithm; empty for all of the kind.")] = "",
    seed: Annotated[int | None, typer.Option(min=0, max=2**64 - 1, help="Repeat a run; default: a fresh one.")] = None,
    sm: Annotated[list[int] | None, typer.Option(min=0, help="Only these SMs; repeatable.")] = None,
    repetitions: Annotated[int, typer.Option(min=0, help="0 for what the depth implies.")] = 0,
    deadline: Annotated[float, typer.Option(min=0.1, max=86_400, help="Seconds.")] = 60.0,
    fault: Annotated[
        list[str] | None,
        typer.Option(
            help="With --software: what is wrong with it, e.g. stuck_bit:sm=3,bit=7, or hang:launch=0;"
            " launches count from 0."
        ),
    ] = None,
    *,
    deep: Annotated[bool, typer.Option("--deep", help="All of the GPU; only where nobody computes on it.")] = False,
    software: Annotated[bool, typer.Option("--software", help="On a GPU simulated in software.")] = False,
    as_json: AsJson = False,
) -> None:
    """Run one probe on one GPU here and now. Exit code 0: passed; 1: failed; 3: no answer, or a --fault did nothing."""
    from sentinel_node.app.probing import Asked, run_probe
    from sentinel_node.app.words import report_json, report_words
    from sentinel_serving.logs import configure

    configure("warning", "text")
    asked = Asked(kind, gpu, variant, seed, tuple(sm or ()), repetitions, deadline, is_deep=deep)
    ran = run_probe(asked, config_file, tuple(fault or ()), is_software=software)
    typer.echo(report_json(ran.report) if as_json else report_words(ran.report))
    raise typer.Exit(ran.code)


@cli.command(cls=Once)
def telemetry(config_file: ConfigFile = None, *, as_json: AsJson = False) -> None:
    """Print what the driver says of every GPU."""
    from sentinel_node.app.reading import samples
    from sentinel_node.app.words import as_lines, sample_words

    found = samples(config_file)
    typer.echo(as_lines(found) if as_json else "\n\n".join(sample_words(sample) for sample in found))


@cli.command(name="kernel-log", cls=Once)
def kernel_log(
    config_file: ConfigFile = None,
    since: Annotated[float, typer.Option(min=0, max=876_000, help="Hours back.")] = 24.0,
    contains: Annotated[list[str] | None, typer.Option(help="Only lines with this text; repeatable: any.")] = None,
    limit: Annotated[int, typer.Option(min=1, max=20_000, help="The newest so many.")] = 200,
    *,
    as_json: AsJson = False,
) -> None:
    """Print the newest lines of the kernel's log, and what was looked through."""
    from sentinel_node.app.reading import lines
    from sentinel_node.app.words import log_words, page_json

    page = lines(config_file, since, tuple(contains or ()), limit)
    typer.echo(page_json(page) if as_json else log_words(page))


@cli.command(cls=Once)
def diagnose(
    name: Annotated[str, typer.Argument(help="Which; empty lists the names.")] = "",
    config_file: ConfigFile = None,
    *,
    as_json: AsJson = False,
) -> None:
    """Answer a named question about this machine. Exit code 0: all is well; 1: something is not; 3: nobody can say."""
    from sentinel_node.app.exits import of_status
    from sentinel_node.app.reading import diagnosis, diagnostic_names
    from sentinel_node.app.words import as_lines, diagnosis_words

    if not name:
        for one in diagnostic_names(config_file):
            typer.echo(f"{one.name:<24}{one.description}")
        return
    found = diagnosis(config_file, name)
    typer.echo(as_lines((found,)) if as_json else diagnosis_words(found))
    raise typer.Exit(of_status(found.status))


@cli.command(cls=Once)
def doctor(config_file: ConfigFile = None) -> None:
    """Say what of this node's work can be done on this machine, and what would provide the rest."""
    import asyncio

    from sentinel_node.app.doctor import examine
    from sentinel_node.app.exits import Exit
    from sentinel_node.app.loading import load

    found = asyncio.run(examine(load(os.environ, file=config_file)))
    for part in found:
        typer.echo(part.line)
    if any(part.missing for part in found):
        raise typer.Exit(Exit.UNMET)


@cli.command(cls=Once)
def token(
    name: Annotated[str, typer.Option(help="Who will use it; stands in the log.")],
    role: Annotated[list[str], typer.Option(help="reader or prober; repeatable.")],
) -> None:
    """Make a bearer token: the token on standard output, its line for `tokens_file` on standard error."""
    from sentinel_node.app.minting import mint

    made, line = mint(name, role)
    typer.echo(line, err=True)
    typer.echo(made)
