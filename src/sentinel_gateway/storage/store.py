"""The core's rows: loading them all, looking single ones up, writing a round, reading histories, forgetting.

Blocking; the core calls it from worker threads. `save` and `look_up` work in a transaction of their caller, because the
ledger writes in the same one. Nothing here decides anything.
"""

from __future__ import annotations

from contextlib import AbstractContextManager

from sqlalchemy import Connection, text

from sentinel_gateway.domain.directives import DirectiveFilter, DirectiveNews, DirectiveRecord
from sentinel_gateway.domain.gpus import Unsummarised
from sentinel_gateway.domain.happened import Happened
from sentinel_gateway.domain.telemetry import LatestTelemetry
from sentinel_gateway.storage import directive_rows, event_rows, gpu_rows, history_rows, kept_rows, register_rows
from sentinel_gateway.storage.changes import Changes, Found, Loaded, Needs
from sentinel_gateway.storage.database import Database
from sentinel_gateway.storage.forgetting import Horizons, forget
from sentinel_gateway.storage.history_rows import HistoryQuery, Item
from sentinel_gateway.storage.looking_up import found
from sentinel_gateway.storage.saving import save
from sentinel_gateway.storage.values import report_of

_ROUND = text("SELECT round FROM core_round")
_HOLD = text("UPDATE core_round SET round = round")
_CLAIM = text("UPDATE core_round SET round = round + :step")
_STEP = 1_000_000_000
"""More rounds than a gateway stores between two starts by far, so that none mistakes another's round for its own."""
_TELEMETRY = text("SELECT received_ns, report FROM gpu_telemetry WHERE gpu_id = :gpu_id")


class Store:
    """See the module."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def writing(self) -> AbstractContextManager[Connection]:
        """A transaction that writes; commits on leaving."""
        return self._database.writing()

    def claim(self) -> None:
        """Become the one that writes rounds: whoever was it before finds its next round's number taken."""
        with self._database.writing() as connection:
            connection.execute(_CLAIM, {"step": _STEP})

    def load(self) -> Loaded:
        """Everything the core keeps in memory."""
        with self._database.reading() as connection:
            gpus = gpu_rows.load_gpus(connection)
            return Loaded(
                round_number=int(connection.scalar(_ROUND) or 0),
                gpus=gpus,
                sources=register_rows.load_sources(connection),
                waiting=directive_rows.waiting_directives(connection),
                edges=register_rows.load_edges(connection),
                updates=register_rows.newest_updates(connection),
                version=int(connection.scalar(text("SELECT max(version) FROM config_updates")) or 0),
                components=register_rows.load_components(connection),
                faults=register_rows.load_faults(connection),
                last_news=int(connection.scalar(text("SELECT max(position) FROM directive_news")) or 0),
                correlations=history_rows.latest_correlations(connection, {one.gpu_id: one.gpu for one in gpus}),
                guards=event_rows.load_guards(connection),
                last_event=event_rows.last_position(connection),
                kept=kept_rows.load(connection),
            )

    def unsummarised(self) -> Unsummarised:
        """Results that no entry of the ledger tells of yet; for reports that are made beside a running gateway."""
        with self._database.reading() as connection:
            return gpu_rows.unsummarised_results(connection)

    def round_number(self) -> int:
        """The number of the last round that was stored; waits for a commit that is still under way in the server."""
        with self._database.writing() as connection:
            connection.execute(_HOLD)
            return int(connection.scalar(_ROUND) or 0)

    def look_up(self, needs: Needs) -> Found:
        """What of it exists."""
        with self._database.reading() as connection:
            return found(connection, needs)

    def save(self, connection: Connection, changes: Changes, round_number: int) -> None:
        """Write a round's rows; `round_number` is that of the round before it.

        Raises:
            BadConfiguration: the database is at another round: somebody else writes.
        """
        save(connection, changes, round_number)

    def forget(self, horizons: Horizons, most: int) -> int:
        """Delete up to `most` rows of each kind that are older than the horizons; says how many were deleted."""
        with self._database.writing() as connection:
            return forget(connection, horizons, most)

    def directives(self, wanted: DirectiveFilter, limit: int, before: int | None) -> list[tuple[int, DirectiveRecord]]:
        """A page of directives with their numbers, newest first."""
        with self._database.reading() as connection:
            return directive_rows.directive_page(connection, wanted, limit, before)

    def first_news_of(self, directive_id: str) -> int | None:
        """The position at which a directive was first told; None where it never was."""
        with self._database.reading() as connection:
            return directive_rows.first_news_of(connection, directive_id)

    def news_after(self, position: int, limit: int) -> list[DirectiveNews]:
        """News of directives after `position`, in order."""
        with self._database.reading() as connection:
            return directive_rows.news_after(connection, position, limit)

    def quarantine_times(self, by: str, since_ns: int) -> tuple[int, ...]:
        """When `by` quarantined GPUs without a person's approval, oldest first."""
        with self._database.reading() as connection:
            return history_rows.quarantine_times(connection, by, since_ns)

    def events_after(self, position: int, limit: int) -> list[Happened]:
        """Events after `position`, in order."""
        with self._database.reading() as connection:
            return event_rows.events_after(connection, position, limit)

    def first_event(self) -> int:
        """Position of the oldest event that is kept; 0 where there is none."""
        with self._database.reading() as connection:
            return event_rows.first_position(connection)

    def history(self, query: HistoryQuery) -> list[Item]:
        """A stretch of a GPU's history."""
        with self._database.reading() as connection:
            return history_rows.history_items(connection, query)

    def telemetry(self, gpu_id: int) -> LatestTelemetry | None:
        """A GPU's newest telemetry; None where it sent none."""
        with self._database.reading() as connection:
            row = connection.execute(_TELEMETRY, {"gpu_id": gpu_id}).mappings().first()
        return LatestTelemetry(report_of(row["report"]), row["received_ns"]) if row else None
