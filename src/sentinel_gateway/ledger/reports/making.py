"""From a database to the bytes of a report.

The ledger is verified first, up to a tree head that was signed before; then exactly those entries are read. So nothing
that a figure counts has escaped verification, however much is appended meanwhile.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass, field, replace

from sentinel_gateway.domain.errors import Invalid
from sentinel_gateway.domain.gpus import Unsummarised
from sentinel_gateway.ledger.export_source import LedgerSource
from sentinel_gateway.ledger.reports.build import Origin, ReportFormat, ReportKind, built, written
from sentinel_gateway.ledger.reports.document import Integrity, Report
from sentinel_gateway.ledger.reports.facts import Facts
from sentinel_gateway.ledger.reports.gather import gather
from sentinel_gateway.ledger.reports.window import Window, iso
from sentinel_gateway.ledger.scope import Scope
from sentinel_gateway.ledger.seam import LedgerDatabase
from sentinel_gateway.ledger.verify import Progress, verify_ledger
from sentinel_sdk.ledger.checkpoint import SignedCheckpoint, VerifierKey
from sentinel_sdk.ledger.entry import Entry
from sentinel_sdk.ledger.verification import Fault, FaultKind

_STEP = 2000
"""Entries read between two words of progress."""


def _silent(_done: int, _of: int) -> None:
    """Nobody asked."""


@dataclass(frozen=True, slots=True)
class ReportOptions:
    """What a report may be told beyond its window."""

    trusted_keys: Sequence[VerifierKey] = ()
    """Who may have signed the ledger; where there are none, the keys that the database names are taken."""
    expected_note: str | None = None
    """A checkpoint kept outside, which the ledger must still contain."""
    expected_gpus: Sequence[str] = ()
    """UUIDs that should be there; those without any entry are listed as unknown."""
    unsummarised: Unsummarised = field(default_factory=Unsummarised)
    """Probe results that no entry tells of yet; asked for before the ledger is read, so that none falls in between."""
    now_ns: Callable[[], int] = time.time_ns
    progress: Progress = _silent


DEFAULTS = ReportOptions()


def make_report(
    database: LedgerDatabase,
    kind: ReportKind,
    window: Window,
    form: ReportFormat,
    options: ReportOptions = DEFAULTS,
) -> Iterator[bytes]:
    """The report over `window` in pieces. Blocking; works when the first piece is asked for.

    Raises:
        GatewayError: as `report_of` does, at the first piece.
    """
    yield from written(report_of(database, kind, window, options), form)


def report_of(database: LedgerDatabase, kind: ReportKind, window: Window, options: ReportOptions = DEFAULTS) -> Report:
    """The report as values; a window that reaches into the future is cut at the present, which the report says.

    Raises:
        Invalid: the window lies in the future, or the expected checkpoint is none.
        Unavailable: the database is away.
    """
    now_ns = options.now_ns()
    if window.start_ns >= now_ns:
        raise Invalid(f"the window starts at {iso(window.start_ns)}, which has not come yet")
    past = Window(window.start_ns, min(window.end_ns, now_ns))
    with database.reading() as connection:
        source = LedgerSource(connection)
        head, first = source.head, source.first_kept
    integrity = _verified(database, head, first, options)
    facts = _facts(database, past, integrity.last_entry_id, options)
    if options.unsummarised.results and options.unsummarised.since_ns < past.end_ns:
        facts = replace(facts, unsummarised=options.unsummarised)
    return built(kind, facts, integrity, Origin(database.name, now_ns, window.end_ns))


def _facts(database: LedgerDatabase, window: Window, last: int, options: ReportOptions) -> Facts:
    with database.reading() as connection, closing(LedgerSource(connection).entries(last=last)) as entries:
        return gather(_told(entries, last, options.progress), window, options.expected_gpus)


def _told(entries: Iterable[Entry], last: int, progress: Progress) -> Iterator[Entry]:
    for number, entry in enumerate(entries):
        if number % _STEP == 0:
            progress(number, last)
        yield entry


def _verified(database: LedgerDatabase, head: SignedCheckpoint | None, first: int, options: ReportOptions) -> Integrity:
    scope = Scope(trusted_keys=options.trusted_keys, expected_note=options.expected_note)
    outcome = verify_ledger(database, scope, options.progress)
    fault = outcome.fault
    if head is None:
        # Without a signed tree head nothing is read, so nothing was verified that a figure could count.
        return Integrity(fault is None, 0, 0, 0, 0, *_problem(fault), signature="no tree head was ever signed")
    size = head.checkpoint.tree_size
    return Integrity(
        fault is None or (fault.kind is FaultKind.TORN_TAIL and fault.entry_id > size),
        first,
        size,
        outcome.entries_verified,
        outcome.batches_verified,
        *_problem(fault),
        _signature(fault, options.trusted_keys, options.expected_note),
        head.note,
        size,
        head.checkpoint.root_hash.hex(),
        head.key.text,
    )


def _problem(fault: Fault | None) -> tuple[str, int, str]:
    if fault is None:
        return "", 0, "Every entry is unchanged and in its place, and the tree of all of them has the signed root."
    return str(fault.kind), fault.entry_id, fault.description[:1].upper() + fault.description[1:]


def _signature(fault: Fault | None, trusted: Sequence[VerifierKey], note: str | None) -> str:
    if fault is not None and fault.kind is FaultKind.SIGNATURE_INVALID:
        return "not valid"
    outside = " It contains the tree head that was kept outside the database." if note and fault is None else ""
    if trusted:
        return "valid, by a key that was given to the verification." + outside
    return "fits the key that the database itself names; whoever could replace both would not be noticed." + outside
