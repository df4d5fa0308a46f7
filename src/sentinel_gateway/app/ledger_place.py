"""Which ledger a command is about: a database by its URL, or the one that the gateway's settings name."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from sqlalchemy import make_url
from sqlalchemy.exc import ArgumentError

from sentinel_gateway.app.loading import load
from sentinel_gateway.app.places import Places, places_of
from sentinel_gateway.app.settings import DatabaseSettings, Settings
from sentinel_gateway.domain.errors import BadConfiguration, Invalid
from sentinel_gateway.storage.database import Database
from sentinel_sdk.ledger.checkpoint import BadNote, VerifierKey

_NO_SERVER = {"tls": {"enabled": False}}
"""Nothing is served here, so certificates need not be in order."""


@dataclass(frozen=True, slots=True)
class Place:
    """As the options say."""

    database: str | None = None
    config: Path | None = None

    def settings(self) -> Settings:
        """The gateway's settings, with the database that was named.

        Raises:
            BadConfiguration: they cannot be used.
        """
        settings = load(os.environ, {name: dict(keys) for name, keys in _NO_SERVER.items()}, self.config)
        if self.database is None:
            return settings
        return settings.model_copy(update={"database": DatabaseSettings.model_validate({"url": self.database})})

    def places(self) -> Places:
        """Where database, key and checkpoint lie.

        Raises:
            BadConfiguration: the settings cannot be used.
        """
        return places_of(self.settings())

    @contextmanager
    def reading(self) -> Iterator[Database]:
        """The database, which is not made where it is missing.

        Raises:
            BadConfiguration: there is none, or it is of another version.
            Unavailable: it is away.
        """
        with Database.open(self.url(), create=False) as database:
            yield database

    def url(self) -> str:
        """The database's URL, with the password."""
        return self.database or self.places().database_url

    def kept_note(self) -> tuple[Path, str] | None:
        """The checkpoint the gateway keeps beside an SQLite database or where the settings say; None without one."""
        path = _beside(self.database) if self.database else self.places().checkpoint
        if path is None or not path.is_file():
            return None
        return path, read_text(path, "checkpoint")


def read_text(path: Path, what: str) -> str:
    """A small text file.

    Raises:
        Invalid: it cannot be read.
    """
    try:
        return path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise Invalid(f"the {what} {str(path)!r} cannot be read: {error}") from error


def read_keys(path: Path | None) -> tuple[VerifierKey, ...]:
    """The keys in a file, one a line as `ledger key` prints them; none without a file.

    Raises:
        Invalid: it cannot be read, or holds no key.
    """
    if path is None:
        return ()
    lines = [line for line in read_text(path, "public key").splitlines() if line.strip() and not line.startswith("#")]
    if not lines:
        raise Invalid(f"{str(path)!r} holds no key: `sentinel-gateway ledger key` prints it")
    try:
        return tuple(VerifierKey.from_text(line) for line in lines)
    except BadNote as error:
        raise Invalid(f"{str(path)!r}: {error}") from error


def _beside(url: str) -> Path | None:
    try:
        place = make_url(url)
    except ArgumentError as error:
        raise BadConfiguration(f"{url.partition('@')[2] or url!r} is no database URL") from error
    is_file = place.get_backend_name() == "sqlite" and place.database and place.database != ":memory:"
    return Path(place.database).parent / "checkpoint" if is_file and place.database else None
