"""The only one who appends to the ledger. Each append is a batch under a signed tree head, in its caller's transaction.

What the writer remembers of the ledger's end moves in two steps, because the transaction is not its own: `append`
works on a copy, `committed` makes the copy good, `rolled_back` forgets it. After a commit the newest checkpoint goes to
a file outside the database. Not for several threads at once: the caller has one that writes.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path

import structlog
from sqlalchemy import Connection

from sentinel_gateway.domain.errors import Invalid
from sentinel_gateway.ledger import requests
from sentinel_gateway.ledger.batches import store_batch
from sentinel_gateway.ledger.checkpoint_file import CheckpointFile
from sentinel_gateway.ledger.fence import still_writer
from sentinel_gateway.ledger.gpus import Gpus
from sentinel_gateway.ledger.head import Head
from sentinel_gateway.ledger.nodes import STORED_EVERY, store_nodes
from sentinel_gateway.ledger.opening import Opened, Place, resume
from sentinel_gateway.ledger.rows import EntryRow, insert_entries
from sentinel_gateway.ledger.seam import LedgerDatabase
from sentinel_sdk.ledger.checkpoint import SignedCheckpoint, Signer
from sentinel_sdk.ledger.encoding import ENTRY_PREFIX, HEADER, NO_GPU
from sentinel_sdk.ledger.entry import EntryGpu, NewEntry

log = structlog.get_logger(__name__)

DATA_LIMIT_BYTES = 16 << 20
"""Most bytes of one entry's data."""

_TYPES = range(1, 7)
_INT64 = range(-(1 << 63), 1 << 63)


@dataclass(frozen=True, slots=True)
class Appended:
    """Where entries came to stand."""

    first_entry_id: int
    last_entry_id: int
    checkpoint: SignedCheckpoint | None
    """The tree head that seals them; None where the same request was answered before."""

    @property
    def is_repeated(self) -> bool:
        """Whether these entries were there already."""
        return self.checkpoint is None


class LedgerWriter:
    """Appends; made by `open`."""

    def __init__(self, opened: Opened, signer: Signer, file: CheckpointFile, now_ns: Callable[[], int]) -> None:
        self._head = opened.head
        self._next: Head | None = None
        self._epoch = opened.epoch
        self._signer = signer
        self._file = file
        self._now_ns = now_ns
        self._gpus = Gpus()

    @classmethod
    @contextmanager
    def open(
        cls,
        database: LedgerDatabase,
        signer: Signer,
        checkpoint_path: Path,
        now_ns: Callable[[], int],
        *,
        accept_loss: bool = False,
    ) -> Iterator[LedgerWriter]:
        """Become the writer of a ledger until leaving, going on where it ended.

        What a crash left behind is mended, recorded in the ledger where something in it changed, and logged. With
        `accept_loss` a ledger that lost entries since its last checkpoint is continued all the same, and one in another
        database takes the place of the one the checkpoint file belongs to; either is recorded.

        Raises:
            BadConfiguration: there is another writer; or the ledger's end is not what was signed, or lies behind the
                checkpoint file, or that file is another database's: says what is missing and what to do.
            Unavailable: the database is away.
        """
        file = CheckpointFile(checkpoint_path)
        with database.writer_lock():
            with database.writing() as connection:
                opened = resume(connection, Place(database.name, signer, file), now_ns(), accept_loss=accept_loss)
                writer = cls(opened, signer, file, now_ns)
                writer._gpus.load(connection)
                if opened.tail or opened.records:
                    writer._seal(connection, opened.tail, opened.records)
            if opened.loss:
                file.set_aside(opened.loss.remembered_size)
            file.belongs_to(opened.identity)
            writer.committed()
            log.info("ledger.opened", entries=writer.size, database=database.name)
            yield writer

    @property
    def size(self) -> int:
        """Entries that were committed, those included that retention removed."""
        return self._head.size

    @property
    def checkpoint(self) -> SignedCheckpoint | None:
        """The newest tree head that was committed; None in an empty ledger."""
        return self._head.signed

    def append(self, connection: Connection, entries: Sequence[NewEntry], key: str | None = None) -> Appended:
        """Add entries as one batch within the transaction of `connection`; call `committed` or `rolled_back` after it.

        A `key` that was used before for the same entries adds nothing and answers as then.

        Raises:
            Invalid: no entries, or one that cannot be stored; says which. Nothing was added.
            AlreadyThere: the key was used for other entries.
            BadConfiguration: another writer took over.
        """
        for number, entry in enumerate(entries):
            _check(number, entry)
        if not entries:
            raise Invalid("there are no entries to record")
        if key is None:
            return self._seal(connection, (), entries)
        digest = requests.digest_of(entries)
        if (earlier := requests.answered_before(connection, key, digest)) is not None:
            return Appended(*earlier, None)
        done = self._seal(connection, (), entries)
        requests.remember(connection, key, digest, done.first_entry_id, done.last_entry_id)
        return done

    def retire_gpus(self, keys: Collection[int]) -> None:
        """The rows of these GPUs were deleted in the running transaction, because no entry names them any more."""
        self._gpus.retire(frozenset(keys))

    def committed(self) -> None:
        """The transaction of the last appends was committed. Writes the checkpoint file; if it cannot, logs it."""
        if self._next is not None:
            self._head, self._next = self._next, None
        self._gpus.committed()
        if self._head.signed is None:
            return
        try:
            self._file.write(self._head.signed.note)
        except OSError as error:
            log.error("ledger.checkpoint_not_written", path=str(self._file.path), reason=str(error))  # noqa: TRY400 - an operator's matter

    def rolled_back(self) -> None:
        """The transaction of the last appends stored nothing."""
        self._next = None
        self._gpus.rolled_back()

    def _seal(self, connection: Connection, tail: Sequence[bytes], entries: Sequence[NewEntry]) -> Appended:
        """One batch of rows that are there already, told by their hashes, and of new entries."""
        head = self._next or self._head
        if self._next is None:
            still_writer(connection, self._epoch)
        first = head.size + len(tail) + 1
        rows = self._rows(connection, first, tail[-1] if tail else head.last_hash, entries)
        edge = head.edge.copy()
        nodes = edge.extend([*tail, *(row[-1] for row in rows)], STORED_EVERY)
        signed = self._signer.sign(edge.size, edge.root(), max(self._now_ns(), head.signed_at_ns), head.batch_no + 1)
        insert_entries(connection, rows)
        store_nodes(connection, nodes)
        store_batch(connection, signed)
        self._next = Head(edge, rows[-1][-1], head.batch_no + 1, signed)
        return Appended(first, edge.size, signed)

    def _rows(
        self, connection: Connection, first: int, previous_hash: bytes, entries: Sequence[NewEntry]
    ) -> list[EntryRow]:
        self._gpus.numbered(connection, {id(entry.gpu): entry.gpu for entry in entries if entry.gpu}.values())
        rows: list[EntryRow] = []
        gpu: EntryGpu | None = None
        key: int | None = None
        part = NO_GPU
        for entry_id, entry in enumerate(entries, first):
            if entry.gpu is not gpu:  # several of a batch in a row are about one GPU
                gpu = entry.gpu
                key, part = (None, NO_GPU) if gpu is None else self._gpus.of(gpu)
            kind, time_ns, data = entry.entry_type, entry.timestamp_ns, entry.data
            header = HEADER.pack(entry_id, kind, time_ns, previous_hash, len(data))
            entry_hash = sha256(ENTRY_PREFIX + header + part + data).digest()
            rows.append((entry_id, kind, time_ns, key, data, previous_hash, entry_hash))
            previous_hash = entry_hash
        return rows


def _check(number: int, entry: NewEntry) -> None:
    if entry.entry_type not in _TYPES:
        raise Invalid(f"entries[{number}].entry_type must be from 1 to 6, not {entry.entry_type}")
    if entry.timestamp_ns not in _INT64:
        raise Invalid(f"entries[{number}].timestamp must lie between the years 1678 and 2262")
    if len(entry.data) > DATA_LIMIT_BYTES:
        raise Invalid(f"entries[{number}].data has {len(entry.data)} bytes; at most {DATA_LIMIT_BYTES} are taken")
