"""The store of incidents that `serve` keeps, as the history of an investigation by hand.

A database that is there is read as it stands: where none is, none is made, and one of another version, which another
program serves from, is neither read nor migrated. Whether a fault has come back decides what to do about it, so an
investigation says whether it could look. An incident that is open on the node is left out: it is most likely the very
thing that is asked about, and no earlier case of it.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from gcm_sentinel.app.clock import SystemClock
from gcm_sentinel.app.settings import Settings
from gcm_sentinel.app.state import DATABASE_FILE, place_of
from gcm_sentinel.domain.errors import SentinelError, Unreachable
from gcm_sentinel.domain.history import HistoryQuery, IncidentHistory, PastIncident
from gcm_sentinel.storage.database import Database
from gcm_sentinel.storage.history import StoredHistory


@dataclass(frozen=True, slots=True)
class KeptHistory:
    """What there is of history, and what to say of it."""

    history: IncidentHistory | None
    """None where no store was made yet."""
    words: str
    """One line, without a password."""


@asynccontextmanager
async def kept_history(settings: Settings, node: str) -> AsyncIterator[KeptHistory]:
    """The history of `settings` for an investigation of `node`; a store that cannot be read is no reason to fail.

    Raises:
        BadConfiguration: a database URL of a kind that is not supported.
    """
    place = place_of(settings)
    file = place.folder / DATABASE_FILE if place.folder else None
    if file is not None and (missing := _missing(file)):
        yield KeptHistory(None, f"history: not read, {missing}: whether a fault came back is not known")
        return
    async with AsyncExitStack() as stack:
        yield await _opened(place.database_url, node, stack)


def _missing(file: Path) -> str:
    """Why there is nothing to open; empty where there is."""
    settings = "(GCM_SENTINEL_STATE_DIR, GCM_SENTINEL_DATABASE_URL)"
    try:
        return "" if file.is_file() else f"no store of incidents at {str(file)!r} {settings}"
    except OSError as error:
        return f"{str(file)!r} cannot be reached ({error.strerror}) {settings}"


async def _opened(url: str, node: str, stack: AsyncExitStack) -> KeptHistory:
    try:
        database = await stack.enter_async_context(Database.open_as_it_is(url, clock=SystemClock()))
        history = StoredHistory(database)
        since = await history.kept_since()
    except SentinelError as error:
        words = f"history: not read, {error}: whether a fault came back is not known"
        return KeptHistory(_OutOfReach(str(error)), words)
    kept = f"incidents since {since:%Y-%m-%d}" if since else "no incidents yet"
    return KeptHistory(_WithoutOpenOnes(history, node), f"history: read from {database.name}, {kept}")


class _WithoutOpenOnes:
    """An `IncidentHistory` without what is open on one node."""

    def __init__(self, history: IncidentHistory, node: str) -> None:
        self._history = history
        self._node = node

    async def past(self, query: HistoryQuery) -> tuple[PastIncident, ...]:
        """Those that match."""
        found = await self._history.past(query)
        return tuple(item for item in found if item.closed_at is not None or item.node != self._node)

    async def kept_since(self) -> datetime | None:
        """As the store has it."""
        return await self._history.kept_since()


class _OutOfReach:
    """An `IncidentHistory` that cannot be read."""

    def __init__(self, reason: str) -> None:
        self._reason = reason

    async def past(self, query: HistoryQuery) -> tuple[PastIncident, ...]:
        """Raises `Unreachable`."""
        raise Unreachable(self._reason)

    async def kept_since(self) -> datetime | None:
        """Raises `Unreachable`."""
        raise Unreachable(self._reason)
