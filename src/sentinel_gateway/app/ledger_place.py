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
from sentinel_gateway.app.settings import Settings
from sentinel_gateway.domain.errors import BadConfiguration, Invalid
from sentinel_gateway.ledger.checkpoint_file import CheckpointFile
from sentinel_gateway.ledger.identity import Identity, identity_of
from sentinel_gateway.storage.database import Database
from sentinel_sdk.ledger.checkpoint import BadNote, VerifierKey

_UNSEEN = "entries missing at the end would not be noticed"


@dataclass(frozen=True, slots=True)
class Anchor:
    """What a ledger is held against."""

    note: str | None
    """A checkpoint; None where there is none of this database."""
    words: str
    """Which one it is, or why there is none."""


@dataclass(frozen=True, slots=True)
class Place:
    """As the options say."""

    database: str | None = None
    config: Path | None = None

    def settings(self) -> Settings:
        """The gateway's settings, with the database that was named; its state folder stays the settings' own.

        Raises:
            BadConfiguration: they cannot be used.
        """
        flags: dict[str, dict[str, object]] = {"tls": {"enabled": False}}  # nothing is served here
        if self.database is not None:
            flags["database"] = {"url": self.database}
        return load(os.environ, flags, self.config)

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

    def anchor(self) -> Anchor:
        """The checkpoint outside the database that its ledger is held against.

        The one that the settings name, if it is the database's; else the one beside an SQLite file that was named.

        Raises:
            BadConfiguration: there is no database, or a file cannot be read.
            Unavailable: the database is away.
        """
        with self.reading() as database, database.reading() as connection:
            present = identity_of(connection, database.name)
        settings_own = self.places().checkpoint
        if self.database is None:
            return _anchor(settings_own, present, belongs=True)
        beside = _beside(self.database)
        found = [_anchor(settings_own, present, belongs=settings_own == beside)]
        if beside is not None:
            found.append(_anchor(beside, present, belongs=True))
        return next((anchor for anchor in found if anchor.note is not None), found[0])


def _anchor(path: Path, present: Identity, *, belongs: bool) -> Anchor:
    """A checkpoint file. One that `belongs` counts whatever it says of its owner.

    Who can write to the database can change its identity, too: that must not make the checkpoint useless.
    """
    file = CheckpointFile(path)
    note, owner = file.read(), file.owner()
    if note is None:
        return Anchor(None, f"no checkpoint from outside the database in {path}: {_UNSEEN}")
    if owner is None:
        return Anchor(note, f"held against the checkpoint in {path}, which does not say of which database it is")
    if not owner.is_same(present) and belongs:
        return Anchor(note, f"held against the checkpoint in {path}, though that was written for {owner}")
    if not owner.is_same(present):
        return Anchor(None, f"the checkpoint in {path} is of another database, {owner}, and was not used: {_UNSEEN}")
    return Anchor(note, f"held against the checkpoint in {path}, which is of this database")


def read_text(path: Path, what: str) -> str:
    """A small text file.

    Raises:
        Invalid: it cannot be read.
    """
    try:
        return path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise Invalid(f"the {what} {str(path)!r} cannot be read: {error}") from error


def read_keys(given: str | None) -> tuple[VerifierKey, ...]:
    """A key as `ledger key` prints it, or those in a file, one a line; none where nothing is given.

    Raises:
        Invalid: it is neither a key nor a file that holds some.
    """
    if given is None:
        return ()
    try:
        return (VerifierKey.from_text(given.strip()),)
    except BadNote as error:
        return _keys_in(Path(given), error)


def _keys_in(path: Path, no_key: BadNote) -> tuple[VerifierKey, ...]:
    if not _exists(path):
        raise Invalid(
            f"{str(path)!r:.200} is neither a file nor a key as `sentinel-gateway ledger key` prints it ({no_key})"
        )
    lines = [line for line in read_text(path, "public key").splitlines() if line.strip() and not line.startswith("#")]
    if not lines:
        raise Invalid(f"{str(path)!r} holds no key: `sentinel-gateway ledger key` prints it")
    try:
        return tuple(VerifierKey.from_text(line) for line in lines)
    except BadNote as error:
        raise Invalid(f"{str(path)!r}: {error}") from error


def _exists(path: Path) -> bool:
    try:
        return path.exists()
    except (OSError, ValueError):  # too long for a name, or a NUL in it: no file can have it
        return False


def _beside(url: str) -> Path | None:
    try:
        place = make_url(url)
    except ArgumentError as error:
        raise BadConfiguration("--database: this is no database URL, such as postgresql://user@host/name") from error
    is_file = place.get_backend_name() == "sqlite" and place.database and place.database != ":memory:"
    return Path(place.database).parent / "checkpoint" if is_file and place.database else None
