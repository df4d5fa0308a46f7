"""The audit ledger in SQLite: appending durably, verifying, proving one entry in a million, finding entries.

Entries are about 200 bytes each, of 200 GPUs, in batches of 1,000: transaction, signature, commit to the disk and the
checkpoint file are all in the time. PostgreSQL is measured too where ``SENTINEL_BENCH_POSTGRESQL`` names empty
databases, by URLs with spaces between them: one of a server with ``fsync`` on and one of a server without, say. Each
figure of theirs tells which it was. What is quick is measured several times and the median is told; the load of the
machine, ours included, is told before and after, for on one that is busy the figures are not the ledger's own.
"""

from __future__ import annotations

import os
import statistics
import tempfile
import time
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path

from sqlalchemy import text

from gcm_sentinel.evals.bench.figure import Figure
from sentinel_gateway.ledger.keys import load_signer
from sentinel_gateway.ledger.query import EntryFilter
from sentinel_gateway.ledger.reader import LedgerReader
from sentinel_gateway.ledger.scope import EVERYTHING, Scope
from sentinel_gateway.ledger.verify import verify_ledger
from sentinel_gateway.ledger.writer import LedgerWriter
from sentinel_gateway.storage.database import Database
from sentinel_sdk.ledger.entry import EntryGpu, NewEntry

_BATCH = 1000
_SQLITE_ENTRIES = 1_000_000
_POSTGRESQL_ENTRIES = 200_000
_VERIFICATIONS = 3
_PAGES = 11
_T0 = 1_800_000_000_000_000_000
_GPUS = [
    EntryGpu(
        f"GPU-{n:08x}-0000-0000-0000-000000000000", f"node-{n // 8}", n % 8, "NVIDIA H100 80GB HBM3", "580.1", "96"
    )
    for n in range(200)
]
_QUERIES = {
    "the newest": EntryFilter(descending=True),
    "one GPU": EntryFilter(gpu_uuid=_GPUS[17].uuid, descending=True),
    "one GPU and type in a minute": EntryFilter(_GPUS[17].uuid, _T0 + 10**12, _T0 + 10**12 + 60 * 10**9, 6),
    "one type": EntryFilter(entry_type=3),
    "ten minutes": EntryFilter(start_ns=_T0 + 10**12, end_ns=_T0 + 10**12 + 600 * 10**9),
}


def ledger() -> Iterator[Figure]:
    """Figures of a ledger of a million entries in SQLite, and of smaller ones in PostgreSQL where some are given."""
    with tempfile.TemporaryDirectory(prefix="ledger-bench-") as name:
        folder = Path(name)
        yield from _figures(f"sqlite:///{folder}/ledger.db", folder / "sqlite", _SQLITE_ENTRIES)
        for number, url in enumerate(os.environ.get("SENTINEL_BENCH_POSTGRESQL", "").split()):
            yield from _figures(url, folder / f"postgresql-{number}", _POSTGRESQL_ENTRIES)


def _figures(url: str, folder: Path, count: int) -> Iterator[Figure]:
    folder.mkdir()
    with Database.open(url) as database:
        kind = _kind(database)
        yield _load(f"before {kind}")
        batches_s = _append(database, folder, count)
        yield Figure(f"ledger append, {kind}", count / sum(batches_s), "/s", "> 20000")
        yield Figure(f"a batch of {_BATCH}, {kind}, median", statistics.median(batches_s) * 1000, "ms", "-")
        yield from _verifying(database, kind, count)
        yield from _reading(LedgerReader(database), kind, count)
        yield _load(f"after {kind}")


def _verifying(database: Database, kind: str, count: int) -> Iterator[Figure]:
    for what, budget, scope in (("", "> 200000", EVERYTHING), (", chain only", "-", Scope(with_roots=False))):
        times_s = [verify_ledger(database, scope).elapsed.total_seconds() for _ in range(_VERIFICATIONS)]
        yield Figure(f"ledger verify{what}, {kind}, median", count / statistics.median(times_s), "/s", budget)


def _reading(reader: LedgerReader, kind: str, count: int) -> Iterator[Figure]:
    proofs = [_timed_ms(partial(reader.inclusion, n)) for n in range(1, count, count // 100)]
    yield Figure(f"inclusion proof in {count}, {kind}, median", statistics.median(proofs), "ms", "< 5")
    yield Figure(f"inclusion proof in {count}, {kind}, slowest of 100", max(proofs), "ms", "-")
    for what, wanted in _QUERIES.items():
        pages = [_timed_ms(partial(reader.query, wanted, 100)) for _ in range(_PAGES)]
        yield Figure(f"a page of {what}, {kind}, median", statistics.median(pages), "ms", "-")


def _kind(database: Database) -> str:
    """The database, and what its server leaves out of a commit."""
    if database.dialect == "sqlite":
        return "sqlite"
    with database.reading() as connection:
        fsync = connection.scalar(text("SHOW fsync"))
        is_waited_for = connection.scalar(text("SHOW synchronous_commit")) != "off"
    return f"postgresql, fsync {fsync}{'' if is_waited_for else ', commits not waited for'}"


def _load(when: str) -> Figure:
    return Figure(f"load of the last minute {when}", os.getloadavg()[0], "", f"below {os.cpu_count()} cores")


def _append(database: Database, folder: Path, count: int) -> list[float]:
    """How many seconds each batch took."""
    signer = load_signer(folder / "key.pem", "bench.example/ledger")
    spent_s = []
    with LedgerWriter.open(database, signer, folder / "checkpoint", time.time_ns) as writer:
        for first in range(0, count, _BATCH):
            entries = [_entry(number) for number in range(first, first + _BATCH)]
            began = time.perf_counter()
            with database.writing() as connection:
                writer.append(connection, entries)
            writer.committed()
            spent_s.append(time.perf_counter() - began)
    return spent_s


def _entry(number: int) -> NewEntry:
    data = number.to_bytes(8) * 25
    return NewEntry(number % 6 + 1, _T0 + number * 10_000_000, data, _GPUS[number % len(_GPUS)])


def _timed_ms(action: Callable[[], object]) -> float:
    began = time.perf_counter()
    action()
    return (time.perf_counter() - began) * 1000
