"""Entries out of the database as values, in the order of their ids, some thousands at a time."""

from __future__ import annotations

from collections.abc import Generator, Iterator
from contextlib import closing
from dataclasses import dataclass

from sqlalchemy import Connection, text

from sentinel_gateway.domain.errors import BadConfiguration
from sentinel_gateway.ledger.batches import Batch, batches_in_order, known_keys, newest_batch
from sentinel_gateway.ledger.cuts import newest_cut
from sentinel_gateway.ledger.export_header import Header
from sentinel_gateway.ledger.gpus import stored_gpus
from sentinel_gateway.ledger.reports.window import iso
from sentinel_gateway.ledger.rows import EntryRow, entry_rows
from sentinel_sdk.ledger.checkpoint import SignedCheckpoint
from sentinel_sdk.ledger.entry import GENESIS_HASH, Entry, EntryGpu

_ENDS = text("""
    SELECT min(entry_id), max(entry_id) FROM ledger_entries WHERE timestamp_ns >= :start AND timestamp_ns < :end
""")
_LOWEST_NS, _HIGHEST_NS = -(1 << 63), (1 << 63) - 1


@dataclass(frozen=True, slots=True)
class Selection:
    """Which entries; without conditions all."""

    start_ns: int | None = None
    end_ns: int | None = None
    """Not included."""
    entry_types: tuple[int, ...] = ()
    gpu_uuid: str = ""

    @property
    def is_everything(self) -> bool:
        """Whether nothing is left out."""
        return self == Selection()

    def takes(self, timestamp_ns: int, entry_type: int) -> bool:
        """Whether an entry of this time and type is asked for."""
        if self.start_ns is not None and timestamp_ns < self.start_ns:
            return False
        if self.end_ns is not None and timestamp_ns >= self.end_ns:
            return False
        return not self.entry_types or entry_type in self.entry_types


EVERYTHING = Selection()


class LedgerSource:
    """One consistent moment of a ledger, read within the transaction of `connection`."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self._newest = newest_batch(connection)
        self._cut = newest_cut(connection)
        self._gpus: dict[int | None, EntryGpu | None] = {None: None, **dict(stored_gpus(connection))}

    @property
    def head(self) -> SignedCheckpoint | None:
        """The newest signed tree head; None in an empty ledger."""
        return self._newest.head(known_keys(self._connection)) if self._newest else None

    @property
    def size(self) -> int:
        """Entries that the newest tree head seals."""
        return self._newest.last_entry_id if self._newest else 0

    @property
    def first_kept(self) -> int:
        """The first entry that is still there."""
        return self._cut.first_kept if self._cut else 1

    def header(self, name: str, now_ns: int, selection: dict[str, object]) -> Header:
        """What an export of this moment begins with."""
        head = self.head
        return Header(
            source=name,
            exported_at=iso(now_ns),
            first_entry_id=self.first_kept,
            tree_size=self.size,
            checkpoint=head.note if head else "",
            public_key=head.key.text if head else "",
            previous_hash=(self._cut.last_removed_hash if self._cut else GENESIS_HASH).hex(),
            subtree_hashes=tuple(one.hex() for one in self._cut.subtree_hashes) if self._cut else (),
            selection=selection,
        )

    def entries(self, selection: Selection = EVERYTHING, last: int | None = None) -> Generator[Entry, None, None]:
        """Entries up to `last` (None for the newest that is sealed); those that end a batch carry its root.

        Close it before the transaction ends.

        Raises:
            BadConfiguration: a row that is damaged so that it is no entry at all.
        """
        wanted = self._keys_of(selection.gpu_uuid)
        with (
            closing(self._batches()) as batches,
            closing(self._rows(selection, self.size if last is None else last)) as rows,
        ):
            roots = _Roots(batches)
            for row in rows:
                if selection.takes(row[2], row[1]) and (wanted is None or row[3] in wanted):
                    yield self._entry(row, roots.at(row[0]))

    def _batches(self) -> Generator[Batch, None, None]:
        yield from batches_in_order(self._connection)

    def _rows(self, selection: Selection, last: int) -> Generator[EntryRow, None, None]:
        """All rows between the first and the last that lie in the time asked for."""
        first = 1
        if selection.start_ns is not None or selection.end_ns is not None:
            start_ns = _LOWEST_NS if selection.start_ns is None else min(selection.start_ns, _HIGHEST_NS)
            end_ns = _HIGHEST_NS if selection.end_ns is None else min(selection.end_ns, _HIGHEST_NS)
            first, highest = self._connection.execute(_ENDS, {"start": start_ns, "end": end_ns}).one()
            last = min(last, highest or 0)
        for rows in entry_rows(self._connection, first or 1, last):
            for row in rows:
                _check(row)
                yield row

    def _keys_of(self, uuid: str) -> frozenset[int | None] | None:
        if not uuid:
            return None
        return frozenset(key for key, gpu in self._gpus.items() if gpu is not None and gpu.uuid == uuid)

    def _entry(self, row: EntryRow, root: bytes) -> Entry:
        entry_id, entry_type, timestamp_ns, gpu_key, data, previous_hash, entry_hash = row
        return Entry(entry_id, entry_type, timestamp_ns, data, self._gpus.get(gpu_key), previous_hash, entry_hash, root)


def _check(row: EntryRow) -> None:
    """Columns of SQLite hold whatever somebody wrote into them."""
    entry_id, entry_type, timestamp_ns, _, *texts = row
    if not all(isinstance(one, bytes) for one in texts) or type(entry_type) is not int or type(timestamp_ns) is not int:
        raise BadConfiguration(f"entry {entry_id} is damaged: run `sentinel-gateway ledger verify`")


class _Roots:
    """Roots of tree heads by the entry they end with, asked in order."""

    def __init__(self, batches: Iterator[Batch]) -> None:
        self._batches = batches
        self._next = next(batches, None)

    def at(self, entry_id: int) -> bytes:
        while self._next is not None and self._next.last_entry_id < entry_id:
            self._next = next(self._batches, None)
        is_last = self._next is not None and self._next.last_entry_id == entry_id
        return self._next.root_hash if is_last and self._next else b""
