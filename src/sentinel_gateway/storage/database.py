"""The one door to the database: SQLite in a file, or PostgreSQL, by its URL. Blocking: call it from worker threads.

Readers see one moment, however many statements they run, and wait for nobody. Writers commit on leaving or store
nothing. There is one writing process (`writer_lock`); within it, whoever writes waits for the transaction before.
Statements may go through SQLAlchemy or, where many rows move, straight to the driver underneath.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager

from sqlalchemy import Connection, Engine

from sentinel_gateway.domain.errors import BadConfiguration
from sentinel_gateway.storage.connecting import (
    READ,
    WRITE,
    Dialect,
    Place,
    close_all,
    engine_for,
    make_private,
    place_of,
)
from sentinel_gateway.storage.errors import mapped
from sentinel_gateway.storage.lock import only_writer
from sentinel_gateway.storage.migrate import Step, advance, refuse_newer, released, version_of


class Database:
    """An open database of the newest version; made by `open`, used by any number of threads."""

    def __init__(self, engine: Engine, place: Place) -> None:
        self._place = place
        self._reader = engine.execution_options(**READ[place.dialect])
        self._writer = engine.execution_options(**WRITE[place.dialect])

    @classmethod
    @contextmanager
    def open(cls, url: str, *, create: bool = True, steps: Sequence[Step] | None = None) -> Iterator[Database]:
        """The database at `url`; closed on leaving.

        ``sqlite:////absolute/path`` or ``postgresql://…``. With `create` it is made where it is missing and brought to
        the newest version; without, it is only read, and may lie on a medium that cannot be written. `steps` are the
        migrations, the released ones where not given.

        Raises:
            BadConfiguration: no URL of ours, no database or no rights, a newer version, or (not `create`) an older one.
            Unavailable: the database is away.
        """
        place, known = place_of(url), steps or released()
        if not create and place.dialect == "sqlite" and not place.path.is_file():
            raise BadConfiguration(f"there is no database {place.name!r}: correct the path, or start the gateway once")
        if create and place.dialect == "sqlite":
            make_private(place.path)
        engine = engine_for(place, read_only=not create)
        try:
            database = cls(engine, place)
            if create:
                database._upgrade(known)
            else:
                database._check(known)
            yield database
        finally:
            close_all(engine)

    @property
    def dialect(self) -> Dialect:
        """Which of the two it is."""
        return self._place.dialect

    @property
    def name(self) -> str:
        """Where it is, for messages; without the password."""
        return self._place.name

    @contextmanager
    def reading(self) -> Iterator[Connection]:
        """One consistent moment; nothing can be written.

        Raises:
            GatewayError: as `storage.errors` maps it.
        """
        with mapped(self.name), self._reader.begin() as connection:
            yield connection

    @contextmanager
    def writing(self) -> Iterator[Connection]:
        """Commits on leaving; stores nothing when the body raises.

        Raises:
            GatewayError: as `storage.errors` maps it. After `Unavailable` from the commit itself it is not known
                whether it arrived.
        """
        with mapped(self.name), self._writer.begin() as connection:
            yield connection

    @contextmanager
    def writer_lock(self) -> Iterator[None]:
        """Be the only writing process while inside.

        Raises:
            BadConfiguration: there is another one; says which and what to do.
            Unavailable: the database is away.
        """
        with mapped(self.name), only_writer(self._place):
            yield

    def _upgrade(self, steps: Sequence[Step]) -> None:
        more = True
        while more:
            with self.writing() as connection:
                more = advance(connection, steps)

    def _check(self, steps: Sequence[Step]) -> None:
        with self.reading() as connection:
            version = version_of(connection)
        refuse_newer(version, steps)
        if version < steps[-1].version:
            raise BadConfiguration(
                f"{self.name} has version {version}, this program reads version {steps[-1].version}: start the gateway "
                f"with it once, which brings it up to date"
            )
