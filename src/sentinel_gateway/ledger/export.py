"""Entries out of the ledger into a file that can be read anywhere and, where it is whole, verified anywhere.

One consistent moment is exported, up to the newest signed tree head; the file names that head. A selection (by time,
type or GPU) is marked as one: its entries can be checked each for itself, not for completeness; `ledger prove
inclusion` shows that a single one belongs to the ledger.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import closing

from sentinel_gateway.ledger.export_formats import ExportFormat, written
from sentinel_gateway.ledger.export_rows import row_of
from sentinel_gateway.ledger.export_source import EVERYTHING, LedgerSource, Selection
from sentinel_gateway.ledger.reports.window import iso
from sentinel_gateway.ledger.reports.wire_names import ENTRY_TYPES
from sentinel_gateway.ledger.seam import LedgerDatabase


def export(
    database: LedgerDatabase,
    form: ExportFormat,
    now_ns: Callable[[], int],
    selection: Selection = EVERYTHING,
    *,
    readable: bool = True,
) -> Iterator[bytes]:
    """The file in pieces; the database is read while they are taken.

    `readable`: with each entry's data decoded beside the bytes, which takes most of the time.

    Raises:
        Unavailable: the database is away.
    """
    with database.reading() as connection:
        source = LedgerSource(connection)
        header = source.header(database.name, now_ns(), _asked(selection))
        with closing(source.entries(selection)) as entries:
            yield from written(form, header, (row_of(entry, readable=readable) for entry in entries))


def _asked(selection: Selection) -> dict[str, object]:
    found: dict[str, object] = {
        "start": None if selection.start_ns is None else iso(selection.start_ns),
        "end": None if selection.end_ns is None else iso(selection.end_ns),
        "types": [ENTRY_TYPES[number] for number in selection.entry_types],
        "gpu": selection.gpu_uuid,
    }
    return {name: value for name, value in found.items() if value}
