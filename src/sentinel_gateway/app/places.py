"""Where things lie that have no path in the settings: SQLite, signing key and checkpoint share one folder."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from sqlalchemy import make_url
from sqlalchemy.exc import ArgumentError

from sentinel_gateway.app.settings import Settings
from sentinel_gateway.domain.errors import BadConfiguration

_PRIVATE = 0o700


@dataclass(frozen=True, slots=True)
class Places:
    """Resolved paths."""

    database_url: str
    """With the password; never logged."""
    signing_key: Path
    checkpoint: Path
    folder: Path | None
    """The state folder; None where nothing of ours lies in it."""

    def make_folder(self) -> None:
        """Make the state folder for its owner only, unless it is there.

        Raises:
            BadConfiguration: it cannot be made.
        """
        if self.folder is None:
            return
        try:
            self.folder.mkdir(parents=True, exist_ok=True, mode=_PRIVATE)
        except OSError as error:
            raise BadConfiguration(
                f"the state folder {str(self.folder)!r} cannot be made ({error.strerror}); set database.state_dir"
            ) from error


def places_of(settings: Settings, environment: Mapping[str, str] | None = None) -> Places:
    """Where everything lies; nothing is made."""
    given = settings.database.url.get_secret_value()
    folder = _folder(settings, given, os.environ if environment is None else environment)
    key, checkpoint = settings.ledger.signing_key_file, settings.ledger.checkpoint_file
    return Places(
        given or f"sqlite:///{folder / 'gateway.db'}",
        key or folder / "signing-key.pem",
        checkpoint or folder / "checkpoint",
        None if given and key and checkpoint else folder,
    )


def _folder(settings: Settings, url: str, environment: Mapping[str, str]) -> Path:
    """The state folder; where only the path of an SQLite file was given, the rest goes beside it."""
    if settings.database.state_dir is not None:
        return settings.database.state_dir.absolute()
    if url.startswith("sqlite") and (file := _sqlite_file(url)):
        return file.parent.absolute()
    home = environment.get("XDG_STATE_HOME") or str(Path(environment.get("HOME") or "~").expanduser() / ".local/state")
    return Path(home) / "sentinel-gateway"


def _sqlite_file(url: str) -> Path | None:
    try:
        name = make_url(url).database
    except ArgumentError:
        return None  # the database says better what is wrong
    return Path(name) if name and name != ":memory:" else None
