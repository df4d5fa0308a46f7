"""`sentinel-gateway ledger ...` as it stands on the command line; what it needs is imported when a command runs.

Exit codes: 0 for a good answer, 1 where the ledger, export or proof is broken, 2 where there is no answer (bad options,
database away).
"""

from __future__ import annotations

from collections.abc import Callable
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from sentinel_gateway.app.ledger_place import Place

ledger = typer.Typer(
    help="The audit ledger: verify it, export it, prove entries, make evidence reports.", no_args_is_help=True
)
prove = typer.Typer(help="Make proofs that hold without the database.", no_args_is_help=True)
ledger.add_typer(prove, name="prove")


class Output(StrEnum):
    """How a result is printed."""

    TEXT = "text"
    JSON = "json"


class Kind(StrEnum):
    """Which standard."""

    SOC2 = "soc2"
    ISO27001 = "iso27001"


class Form(StrEnum):
    """How a report is written."""

    HTML = "html"
    JSON = "json"
    CSV = "csv"


class Rows(StrEnum):
    """How entries are written."""

    JSONL = "jsonl"
    CSV = "csv"
    JSON = "json"


DatabaseUrl = Annotated[
    str | None, typer.Option("--database", help="sqlite:////path or postgresql://...; default: the settings'.")
]
ConfigFile = Annotated[Path | None, typer.Option("--config", help="The gateway's settings as YAML.")]
_KEY_HELP = "The operator's key as `ledger key` prints it, or a file with it."
KeyOrFile = Annotated[str | None, typer.Option("--public-key", metavar="KEY|FILE", help=_KEY_HELP)]
NoteFile = Annotated[
    Path | None, typer.Option("--checkpoint", help="A checkpoint kept elsewhere, which the ledger must still contain.")
]
Out = Annotated[str, typer.Option("--out", help="File, replaced as a whole; - for standard output.")]
PlainOutput = Annotated[Output, typer.Option("--output", help="text or json.")]
Start = Annotated[str | None, typer.Option(help="From this time on: 2026-11-01 or 2026-11-01T10:00:00Z.")]
End = Annotated[str | None, typer.Option(help="Up to this time, which is not included.")]


@ledger.command()
def verify(  # noqa: PLR0913  a command's options are its arguments
    database: DatabaseUrl = None,
    config: ConfigFile = None,
    first: Annotated[int, typer.Option("--from", min=0, help="First entry; 0 for the beginning.")] = 0,
    last: Annotated[int, typer.Option("--to", min=0, help="Last entry; 0 for the end.")] = 0,
    checkpoint: NoteFile = None,
    public_key: KeyOrFile = None,
    export: Annotated[Path | None, typer.Option(help="Verify this exported file instead; no database is used.")] = None,
    output: PlainOutput = Output.TEXT,
    *,
    no_roots: Annotated[bool, typer.Option("--no-roots", help="Only entries and their chain, no tree heads.")] = False,
) -> None:
    """Verify every entry, or an exported file; says what is wrong first, what it may mean, and what to do."""
    from sentinel_gateway.app import ledger_commands as commands
    from sentinel_gateway.app.ledger_words import Plain

    wanted = commands.Wanted(first, last, not no_roots, checkpoint, public_key)
    if export is not None:
        _run(lambda: commands.verify_file(export, public_key, Plain(output)))
    _run(lambda: commands.verify(_place(database, config), wanted, Plain(output)))


@ledger.command()
def export(  # noqa: PLR0913  a command's options are its arguments
    database: DatabaseUrl = None,
    config: ConfigFile = None,
    form: Annotated[Rows, typer.Option("--format", help="jsonl, csv or json.")] = Rows.JSONL,
    start: Start = None,
    end: End = None,
    kinds: Annotated[
        list[str] | None, typer.Option("--type", help="probe_result, anomaly_event ...; may be repeated.")
    ] = None,
    gpu: Annotated[str, typer.Option(help="Only entries about this GPU.")] = "",
    out: Out = "-",
    *,
    raw: Annotated[bool, typer.Option("--raw", help="Without the decoded data: several times as fast.")] = False,
) -> None:
    """Write entries to a file; a whole export can be verified anywhere with `ledger verify --export`."""
    from sentinel_gateway.app import ledger_commands as commands
    from sentinel_gateway.app.ledger_selecting import selection_of
    from sentinel_gateway.ledger.export_formats import ExportFormat

    def work() -> int:
        chosen = selection_of(start, end, kinds or [], gpu)
        return commands.write_export(_place(database, config), chosen, ExportFormat(form), out, readable=not raw)

    _run(work)


@prove.command()
def inclusion(
    entry_id: Annotated[int, typer.Argument(metavar="ENTRY_ID", min=1)],
    size: Annotated[int, typer.Option(min=0, help="In the ledger of so many entries; 0 for the newest.")] = 0,
    database: DatabaseUrl = None,
    config: ConfigFile = None,
    out: Out = "-",
) -> None:
    """Prove that an entry is in the ledger."""
    from sentinel_gateway.app import ledger_commands as commands

    _run(lambda: commands.prove_inclusion(_place(database, config), entry_id, size, out))


@prove.command()
def consistency(
    first: Annotated[int, typer.Argument(metavar="FIRST", min=1, help="Entries: line 2 of a checkpoint you kept.")],
    second: Annotated[int, typer.Argument(metavar="[SECOND]", min=0)] = 0,
    database: DatabaseUrl = None,
    config: ConfigFile = None,
    out: Out = "-",
) -> None:
    """Prove that the ledger of SECOND entries (the newest without it) begins with the ledger of FIRST."""
    from sentinel_gateway.app import ledger_commands as commands

    _run(lambda: commands.prove_consistency(_place(database, config), first, second, out))


@ledger.command("check-proof")
def check_proof(
    proof: Annotated[Path, typer.Argument(metavar="FILE")],
    public_key: Annotated[str, typer.Option("--public-key", metavar="KEY|FILE", help=_KEY_HELP)],
    checkpoint: Annotated[
        Path | None, typer.Option(help="A checkpoint of your own: the earlier one, or the tree head of an entry.")
    ] = None,
    output: PlainOutput = Output.TEXT,
) -> None:
    """Check a proof with nothing but the file and the operator's key."""
    from sentinel_gateway.app import ledger_commands as commands
    from sentinel_gateway.app.ledger_words import Plain

    _run(lambda: commands.check(proof, public_key, checkpoint, Plain(output)))


@ledger.command()
def checkpoint(database: DatabaseUrl = None, config: ConfigFile = None) -> None:
    """Print the newest signed tree head; keep it elsewhere, and nobody can shorten or rewrite the ledger unnoticed."""
    from sentinel_gateway.app import ledger_commands as commands

    _run(lambda: commands.checkpoint(_place(database, config)))


@ledger.command()
def key(database: DatabaseUrl = None, config: ConfigFile = None) -> None:
    """Print the public key, to be handed to whoever shall verify."""
    from sentinel_gateway.app import ledger_commands as commands

    _run(lambda: commands.key(_place(database, config)))


@ledger.command()
def report(  # noqa: PLR0913  a command's options are its arguments
    kind: Annotated[Kind, typer.Argument(help="soc2 or iso27001.")],
    start: Annotated[
        str | None, typer.Option(help="First moment of the period: 2026-07-01; without it 90 days before its end.")
    ] = None,
    end: Annotated[str | None, typer.Option(help="First moment after it: 2026-10-01; without it now.")] = None,
    form: Annotated[Form, typer.Option("--format", help="html, json or csv.")] = Form.HTML,
    out: Out = "-",
    database: DatabaseUrl = None,
    config: ConfigFile = None,
    public_key: KeyOrFile = None,
    checkpoint: NoteFile = None,
    expected_gpus: Annotated[
        Path | None, typer.Option(help="GPUs that should be there, one UUID a line; silent ones are listed as unknown.")
    ] = None,
) -> None:
    """Write an evidence report: figures with their queries and entries, findings, and the verification behind them."""
    from sentinel_gateway.app.ledger_report import Asked
    from sentinel_gateway.app.ledger_report import report as make
    from sentinel_gateway.ledger.reports.build import ReportFormat, ReportKind

    asked = Asked(ReportKind(kind), start, end, ReportFormat(form), out, public_key, checkpoint, expected_gpus)
    _run(lambda: make(_place(database, config), asked))


@ledger.command()
def prune(
    older_than: Annotated[int, typer.Option("--older-than", metavar="DAYS", min=1, help="Age in days.")],
    database: DatabaseUrl = None,
    config: ConfigFile = None,
    *,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only say what would go.")] = False,
) -> None:
    """Remove old entries so that the rest stays verifiable; the gateway must not run, unless with --dry-run."""
    from sentinel_gateway.app.ledger_prune import prune as cut

    _run(lambda: cut(_place(database, config), older_than, dry_run=dry_run))


@ledger.command("accept-loss")
def accept_loss(
    database: DatabaseUrl = None,
    config: ConfigFile = None,
    *,
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Do not ask.")] = False,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only show what would be accepted.")] = False,
) -> None:
    """Go on although entries were lost since the checkpoint file was written; shows which, asks, and records it.

    The gateway must not run.
    """
    from sentinel_gateway.app.ledger_loss import Asking
    from sentinel_gateway.app.ledger_loss import accept_loss as accept

    _run(lambda: accept(_place(database, config), Asking(yes=yes, dry_run=dry_run)))


def _place(database: str | None, config: Path | None) -> Place:
    from sentinel_gateway.app.ledger_place import Place

    return Place(database, config)


def _run(work: Callable[[], int]) -> None:
    from sentinel_gateway.app.ledger_words import answered
    from sentinel_gateway.app.logs import to_standard_error

    to_standard_error()
    raise typer.Exit(answered(work))
