"""Writing rounds: rows and ledger entries in one transaction, in one thread that does nothing else.

A commit whose answer was lost may have arrived or not. The number of the round stands in the database, so before the
next round is decided the journal looks whether the last one is there. Until then neither the memory nor the ledger's
writer moves. A number that is neither the old nor the next is another gateway's.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import ParamSpec, TypeVar

import structlog
from sqlalchemy import Connection

from sentinel_gateway.core.durations import Durations
from sentinel_gateway.core.recording import Recording, Trim
from sentinel_gateway.domain.errors import BadConfiguration, Bug, GatewayError, Refused, Unavailable
from sentinel_gateway.domain.recorded import Recorded
from sentinel_gateway.ledger.retention import apply_retention
from sentinel_gateway.ledger.writer import LedgerWriter
from sentinel_gateway.storage.changes import Changes, Found, Needs
from sentinel_gateway.storage.store import Store
from sentinel_sdk.ledger.entry import NewEntry

log = structlog.get_logger(__name__)

Arguments = ParamSpec("Arguments")
Result = TypeVar("Result")

_READERS = 4


@dataclass(frozen=True, slots=True)
class Page:
    """What one round writes."""

    round_number: int
    """Of the round before it."""
    changes: Changes
    entries: Sequence[NewEntry]
    recordings: Sequence[Recording | Trim]


class Journal:
    """See the module."""

    def __init__(self, store: Store, ledger: LedgerWriter) -> None:
        self._store, self._ledger = store, ledger
        self._writer = ThreadPoolExecutor(1, "core-writer")
        self._readers = ThreadPoolExecutor(_READERS, "core-reader")
        self._unsure: int | None = None
        self._is_closed = False
        self.writes = Durations()
        """How long rounds took to be stored, or not to be."""
        self.pending_entries = 0
        """Ledger entries of the round that is being stored."""

    def close(self) -> None:
        """End the threads, after what they are at."""
        self._is_closed = True
        self._writer.shutdown()
        self._readers.shutdown()

    async def read(
        self, function: Callable[Arguments, Result], *arguments: Arguments.args, **named: Arguments.kwargs
    ) -> Result:
        """Run something that reads in a reader thread.

        Raises:
            Unavailable: the gateway has stopped.
        """
        if self._is_closed:
            raise Unavailable("the gateway has stopped: try again")
        loop = asyncio.get_running_loop()
        return await loop.run_in_executor(self._readers, lambda: function(*arguments, **named))

    async def look_up(self, needs: Needs) -> Found:
        """What of it exists."""
        return await self.read(self._store.look_up, needs) if needs else Found()

    async def settled(self) -> bool | None:
        """Whether a round of unknown fate is stored; None where there is none.

        Raises:
            Unavailable: the database is away, so it is still not known.
            BadConfiguration: another gateway writes to it.
        """
        if self._unsure is None:
            return None
        before = self._unsure
        number = await self._in_writer(self._store.round_number)
        if number not in (before, before + 1):
            raise BadConfiguration(f"another gateway has taken this database over, whose rounds are at {number}")
        stored = number == before + 1
        self._unsure = None
        await self._in_writer(self._ledger.committed if stored else self._ledger.rolled_back)
        if stored:
            log.warning("core.round_was_stored", round=before + 1)
        return stored

    async def write(self, page: Page) -> list[Recorded | Refused]:
        """Store a round; answers for its recordings, in order.

        Raises:
            GatewayError: nothing is stored, or (`Unavailable`) it is not known: ask `settled` before the next round.
        """
        self._unsure = page.round_number
        self.pending_entries = len(page.entries) + sum(len(one.entries) for one in page.recordings)
        try:
            with self.writes.measured():
                answers = await self._in_writer(lambda: self._write(page))
        except GatewayError:
            raise
        except Exception as error:  # the border of the writer's thread: what no driver's table knows is our mistake
            raise Bug(f"storing failed: {type(error).__name__}: {error}") from error
        finally:
            self.pending_entries = 0
        self._unsure = None
        return answers

    async def forget(self, function: Callable[[], int]) -> int:
        """Run something that deletes in the writer's thread."""
        return await self._in_writer(function)

    async def _in_writer(self, function: Callable[[], Result]) -> Result:
        """Runs to its end even where the caller is cancelled, so that no round is written twice."""
        loop = asyncio.get_running_loop()
        return await asyncio.shield(loop.run_in_executor(self._writer, function))

    def _write(self, page: Page) -> list[Recorded | Refused]:
        with self._store.writing() as connection:
            if page.entries:
                self._ledger.append(connection, page.entries)
            answers = [
                self._trim(connection, one) if isinstance(one, Trim) else self._record(connection, one)
                for one in page.recordings
            ]
            self._store.save(connection, page.changes, page.round_number)
        self._ledger.committed()
        return answers

    def _record(self, connection: Connection, recording: Recording) -> Recorded | Refused:
        try:
            done = self._ledger.append(connection, recording.entries, recording.key)
        except Refused as refusal:
            return refusal
        return Recorded(done.first_entry_id, done.last_entry_id, done.last_entry_id - done.first_entry_id + 1)

    def _trim(self, connection: Connection, trim: Trim) -> Recorded:
        done = apply_retention(connection, self._ledger, trim.retention, trim.now_ns)
        return Recorded(done.first_entry_id, done.last_entry_id, 1) if done else Recorded(0, 0, 0)
