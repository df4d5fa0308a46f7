"""Where verification begins: with entry 1, or after what retention removed, if the ledger itself recorded that."""

from __future__ import annotations

from dataclasses import dataclass

from google.protobuf.message import DecodeError
from sqlalchemy import Connection, text

from sentinel.ext.v1.records_pb2 import RetentionCut, SystemRecord
from sentinel_gateway.ledger.cuts import Cut, stored_cuts
from sentinel_gateway.ledger.rows import COLUMNS
from sentinel_sdk.ledger import faults
from sentinel_sdk.ledger.chain import ChainRow, GpuParts, hash_at
from sentinel_sdk.ledger.entry import GENESIS_HASH
from sentinel_sdk.ledger.tree import Edge
from sentinel_sdk.ledger.verification import Fault

_ENTRY = text(f"SELECT {COLUMNS} FROM ledger_entries WHERE entry_id = :entry_id")  # noqa: S608 - our own column names


@dataclass(frozen=True, slots=True)
class Beginning:
    """The place before the first entry that is kept."""

    cut: Cut | None
    fault: Fault | None = None
    """What is wrong with the cut."""
    is_certain: bool = True
    """Whether `fault` is the first one; where the cut's own record is damaged, the chain shows better what is wrong."""

    @property
    def removed(self) -> int:
        """How many entries retention removed."""
        return self.cut.removed if self.cut else 0

    @property
    def first_kept(self) -> int:
        """The first entry there should be."""
        return self.removed + 1

    @property
    def previous_hash(self) -> bytes:
        """The hash that this entry names."""
        return self.cut.last_removed_hash if self.cut else GENESIS_HASH

    def edge(self) -> Edge:
        """The tree of everything that was removed."""
        return Edge(self.removed, self.cut.subtree_hashes) if self.cut else Edge()


def beginning_of(connection: Connection, parts: GpuParts) -> Beginning:
    """Where the ledger begins, every cut compared with the entry that recorded it."""
    cuts = stored_cuts(connection)
    newest = cuts[0] if cuts else None
    for cut in cuts:
        row = connection.execute(_ENTRY, {"entry_id": cut.recorded_as}).first()
        if row is not None and _recorded(row.data) == _as_recorded(cut) and cut.is_whole:
            continue
        is_sound = row is not None and hash_at(_chain_row(tuple(row)), row.entry_id, parts) == bytes(row.entry_hash)
        is_certain = is_sound or (newest is not None and not newest.is_whole)
        return Beginning(newest, _not_recorded(cut), is_certain)
    return Beginning(newest)


def _not_recorded(cut: Cut) -> Fault:
    expected = f"entry {cut.recorded_as} to record that retention removed the entries before {cut.first_kept}"
    return faults.cut_not_recorded(1, expected, "another record, or none")


def _recorded(data: bytes) -> RetentionCut | None:
    try:
        record = SystemRecord.FromString(bytes(data))
    except DecodeError:
        return None
    return record.retention_cut if record.HasField("retention_cut") else None


def _as_recorded(cut: Cut) -> RetentionCut | None:
    if not 0 < cut.first_kept < 1 << 63:
        return None
    return RetentionCut(
        first_kept_entry_id=cut.first_kept,
        last_removed_hash=cut.last_removed_hash,
        subtree_hashes=cut.subtree_hashes,
        entries_removed=cut.removed,
    )


def _chain_row(row: tuple[object, ...]) -> ChainRow:
    entry_id, kind, time_ns, gpu_key, *binary = row
    data, previous_hash, entry_hash = (bytes(value) for value in binary)  # type: ignore[call-overload]
    return entry_id, kind, time_ns, gpu_key, data, previous_hash, entry_hash  # type: ignore[return-value]
