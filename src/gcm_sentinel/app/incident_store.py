"""The stored incidents as commands reach them: beside a running `serve`, without its lock, found by part of an id."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import TypeVar

from gcm_sentinel.app.clock import SystemClock
from gcm_sentinel.app.settings import Settings
from gcm_sentinel.app.state import DATABASE_FILE, place_of
from gcm_sentinel.domain.errors import BadConfiguration, NotFound
from gcm_sentinel.domain.protocols import Clock
from gcm_sentinel.storage.database import Database
from gcm_sentinel.storage.incidents import IncidentFilter, Incidents, IncidentView
from gcm_sentinel.storage.investigations import Investigations, StoredInvestigation
from gcm_sentinel.storage.triggers import Triggers

T = TypeVar("T")

_PREFIX = "inc-"
_MOST_SEARCHED = 100_000
_MOST_NAMED = 5


@dataclass(frozen=True, slots=True)
class OpenIncidents:
    """An open database of incidents."""

    incidents: Incidents
    investigations: Investigations
    triggers: Triggers
    clock: Clock
    where: str
    """What to say when something is not there."""


async def with_incidents(settings: Settings, work: Callable[[OpenIncidents], Awaitable[T]]) -> T:
    """Do `work` with the database of `settings`.

    Raises:
        BadConfiguration: there is no database yet, or it is of a newer version.
        Unreachable: the database is away.
    """

    async def opened(database: Database) -> T:
        where = _where(settings)
        return await work(
            OpenIncidents(
                Incidents(database),
                Investigations(database),
                Triggers(database),
                database.clock,
                where,
            )
        )

    return await with_database(settings, opened)


async def with_database(settings: Settings, work: Callable[[Database], Awaitable[T]]) -> T:
    """Do `work` with the database of `settings`, beside whoever serves from it.

    Raises:
        BadConfiguration: there is no database yet, or it is of a newer version.
        Unreachable: the database is away.
    """
    place = place_of(settings)
    if place.folder is not None and not (place.folder / DATABASE_FILE).is_file():
        raise BadConfiguration(
            f"no incidents are stored yet: there is no {_where(settings)!r}; `gcm-sentinel serve` makes it. Another "
            "folder: --state-dir or GCM_SENTINEL_STATE_DIR; PostgreSQL: GCM_SENTINEL_DATABASE_URL"
        )
    async with Database.open(place.database_url, clock=SystemClock(), max_pool=2) as database:
        return await work(database)


def _where(settings: Settings) -> str:
    folder = place_of(settings).folder
    return str(folder / DATABASE_FILE) if folder else "the database of GCM_SENTINEL_DATABASE_URL"


@dataclass(frozen=True, slots=True)
class Named:
    """What an id on the command line stands for."""

    incident_id: str
    revision: int | None
    """Of ``inc-….2``."""


async def find(store: OpenIncidents, given: str) -> Named:
    """The incident whose id is `given` or begins so, ``inc-`` left out or not; ``….2`` names an investigation of it.

    Raises:
        NotFound: there is none, or there are several.
    """
    start, revision = _parsed(given)
    if not start.removeprefix(_PREFIX):
        raise NotFound("an incident id is needed; `gcm-sentinel incidents list --all` shows them")
    if await store.incidents.get(start, triggers=0) is not None:
        return Named(start, revision)
    everything = await store.incidents.list(IncidentFilter(open_only=False, limit=_MOST_SEARCHED))
    ids = [row.record.id for row in everything]
    fitting = [one for one in ids if one.startswith(start) or one.removeprefix(_PREFIX).startswith(start)]
    if not fitting:
        raise NotFound(
            f"there is no incident {given!r} in {store.where}; `gcm-sentinel incidents list --all` shows all"
        )
    if len(fitting) > 1:
        named = ", ".join(fitting[:_MOST_NAMED]) + (" ..." if len(fitting) > _MOST_NAMED else "")
        raise NotFound(f"{given!r} is the beginning of {len(fitting)} incident ids ({named}): write more of it")
    return Named(fitting[0], revision)


async def view_of(store: OpenIncidents, incident_id: str, *, triggers: int) -> IncidentView:
    """The incident whole, with so many of its triggers.

    Raises:
        NotFound: it was removed a moment ago.
    """
    view = await store.incidents.get(incident_id, triggers=triggers)
    if view is None:
        raise NotFound(f"there is no incident {incident_id!r} in {store.where} any more")
    return view


async def body_of(store: OpenIncidents, view: IncidentView, revision: int | None) -> StoredInvestigation | None:
    """One investigation of `view`: the one asked for, else the newest with an assessment, else the newest.

    Raises:
        NotFound: there is no investigation of that number.
    """
    known = {item.revision: item.id for item in view.investigations}
    if revision is not None:
        if revision not in known:
            numbers = ", ".join(map(str, known)) or "none yet"
            raise NotFound(f"incident {view.record.id!r} has no investigation {revision}; there are: {numbers}")
        return await store.investigations.get(known[revision])
    finished = [item for item in view.investigations if item.outcome is not None]
    newest = (finished or list(view.investigations))[-1:]
    return await store.investigations.get(newest[0].id) if newest else None


def _parsed(given: str) -> tuple[str, int | None]:
    start, dot, number = given.strip().rpartition(".")
    return (start, int(number)) if dot and number.isdecimal() else (given.strip(), None)
