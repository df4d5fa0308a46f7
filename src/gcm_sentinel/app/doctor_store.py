"""What `doctor` says of the store: whether `serve` could use it; without its lock, so also beside a running one.

A look leaves nothing behind where nothing was: a folder that is not there yet is only tried by making an empty one next
to where it will be. A database that is there is opened as `serve` opens it, its schema included.
"""

from __future__ import annotations

import tempfile
from contextlib import AsyncExitStack
from pathlib import Path

from gcm_sentinel.app.clock import SystemClock
from gcm_sentinel.app.doctor_finding import Finding
from gcm_sentinel.app.settings import Settings
from gcm_sentinel.app.state import DATABASE_FILE, place_of
from gcm_sentinel.app.stores import IN_MEMORY, Stores, open_stores
from gcm_sentinel.domain.errors import BadConfiguration, SentinelError

_PROBE = ".gcm-sentinel-"


async def open_store(settings: Settings, stack: AsyncExitStack) -> tuple[Finding, Stores | None]:
    """What is to be said of the store, and the store, closed with `stack`; None when it cannot be used.

    For a database that `serve` has still to make an empty one in memory stands, which is what `serve` will begin with.
    """
    postgresql = bool(settings.database_url.get_secret_value())
    name = "postgresql" if postgresql else "sqlite"
    try:
        place = place_of(settings)
        file = place.folder / DATABASE_FILE if place.folder else None
        there = file is None or _is_there(file)
        stores = await stack.enter_async_context(open_stores(place.database_url if there else IN_MEMORY, SystemClock()))
        await stores.database.ping()
    except SentinelError as error:
        remedy = "check GCM_SENTINEL_DATABASE_URL" if postgresql else "name another folder in GCM_SENTINEL_STATE_DIR"
        return Finding("store", name, ok=False, detail=str(error), required=True, remedy=remedy), None
    detail = stores.database.name if there else f"{file} will be made by `gcm-sentinel serve`"
    return Finding("store", name, ok=True, detail=detail, required=True), stores


def _is_there(file: Path) -> bool:
    """Whether there is a database; its folder can be written, or made.

    Raises:
        BadConfiguration: it cannot.
    """
    folder = file.parent
    try:
        place = next(parent for parent in (folder, *folder.absolute().parents) if parent.exists())
        tempfile.TemporaryDirectory(prefix=_PROBE, dir=place).cleanup()
        return file.is_file()
    except OSError as error:
        raise BadConfiguration(
            f"GCM_SENTINEL_STATE_DIR {str(folder)!r} cannot be made or written: {error.strerror}"
        ) from error
