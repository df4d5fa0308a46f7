"""What an intruder or a crash leaves in the gateway's database, done to the file while no gateway runs.

The tables are the gateway's own and known here as an intruder would know them. Entries that a crash left are real ones:
they follow the chain, and only the signed tree head over them is missing.
"""

from __future__ import annotations

import sqlite3
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

from sentinel_fleet.sentinel.command import GatewayFailed
from sentinel_sdk.ledger.encoding import entry_hash
from sentinel_sdk.ledger.entry import Entry, EntryGpu
from sentinel_sdk.types import AuditEntryType, GpuHealthState, StateChange, SystemRecord

_OF_GPU = (
    "SELECT e.entry_id, e.data FROM ledger_entries e JOIN ledger_gpus g ON g.gpu_key = e.gpu_key"
    " WHERE e.entry_type = ? AND g.uuid = ? ORDER BY e.entry_id"
)
_HEALTHY = int(GpuHealthState.HEALTHY)
_EXCUSE = "probe rerun passed"


def hide_quarantine(database: Path, uuid: str, how: str) -> int:
    """Make a quarantined GPU look as if it never was; the number of the entry that was rewritten or removed.

    Raises:
        GatewayFailed: the ledger has no quarantine of this GPU.
    """
    with _open(database) as connection:
        entry_id, record = _quarantine(connection, uuid)
        if how == "removed":
            connection.execute("DELETE FROM ledger_entries WHERE entry_id = ?", (entry_id,))
        else:
            change = StateChange(from_state=GpuHealthState.SUSPECT, to_state=GpuHealthState.HEALTHY, reason=_EXCUSE)
            innocent = SystemRecord(event=record.event, fields=record.fields, state_change=change)
            data = innocent.to_proto().SerializeToString(deterministic=True)
            connection.execute("UPDATE ledger_entries SET data = ? WHERE entry_id = ?", (data, entry_id))
        gpu = "(SELECT gpu_id FROM gpus WHERE uuid = ?)"
        connection.execute(f"DELETE FROM transitions WHERE gpu_id = {gpu}", (uuid,))  # noqa: S608 - our own words
        connection.execute("DELETE FROM directives WHERE gpu_uuid = ?", (uuid,))
        connection.execute("UPDATE gpus SET state = ?, state_reason = ? WHERE uuid = ?", (_HEALTHY, _EXCUSE, uuid))
    return entry_id


def tear_tail(database: Path, count: int) -> int:
    """Add entries as a crash in mid-batch leaves them; the number of the first."""
    with _open(database) as connection:
        row = connection.execute(
            "SELECT entry_id, entry_hash FROM ledger_entries ORDER BY entry_id DESC LIMIT 1"
        ).fetchone()
        known = connection.execute(
            "SELECT gpu_key, uuid, hostname, device_index, model, driver_version, firmware_version FROM ledger_gpus"
            " ORDER BY gpu_key LIMIT 1"
        ).fetchone()
        data = SystemRecord(event="probe.summary").to_proto().SerializeToString(deterministic=True)
        number, previous = row
        for _ in range(count):
            number += 1
            kind, now_ns = int(AuditEntryType.SYSTEM_EVENT), time.time_ns()
            own = entry_hash(Entry(number, kind, now_ns, data, EntryGpu(*known[1:]), previous, b""))
            connection.execute(
                "INSERT INTO ledger_entries (entry_id, entry_type, timestamp_ns, gpu_key, data, previous_hash,"
                " entry_hash) VALUES (?, ?, ?, ?, ?, ?, ?)",
                (number, kind, now_ns, known[0], data, previous, own),
            )
            previous = own
    return int(row[0]) + 1


def _quarantine(connection: sqlite3.Connection, uuid: str) -> tuple[int, SystemRecord]:
    for entry_id, data in connection.execute(_OF_GPU, (int(AuditEntryType.QUARANTINE_ACTION), uuid)).fetchall():
        message = SystemRecord.wire.FromString(data)
        record = SystemRecord.from_proto(message)
        if record.state_change is not None and record.state_change.to_state is GpuHealthState.QUARANTINED:
            return int(entry_id), record
    raise GatewayFailed(f"the ledger has no quarantine of {uuid} that could be hidden")


@contextmanager
def _open(database: Path) -> Iterator[sqlite3.Connection]:
    with closing(sqlite3.connect(database)) as connection, connection:
        yield connection
