"""Who may decide about actions over HTTP: a file with one person a line, ``<SHA-256 of the token, hex> <name>``.

Only digests stand in the file, so reading it gives nobody a token. It is read again when it changes: taking a person
out takes effect at once.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping
from pathlib import Path

import structlog

from gcm_sentinel.domain.errors import BadConfiguration

log = structlog.get_logger(__name__)

_LINE = re.compile(r"(?P<digest>[0-9a-fA-F]{64})\s+(?P<name>\S.*?)\s*")
_TOKEN_LEAST = 20
"""Shorter tokens can be guessed; they are refused even where their digest is listed."""


class Approvers:
    """The people of one file."""

    def __init__(self, path: Path) -> None:
        """Read it once, so that a wrong file is found at the start.

        Raises:
            BadConfiguration: it cannot be read, or a line is not as above.
        """
        self._path = path
        self._seen = _stamp(path)
        self._names = _read(path)

    def who(self, token: str) -> str | None:
        """The name of whoever holds `token`; None for a stranger."""
        self._refresh()
        if len(token) < _TOKEN_LEAST:
            return None
        return self._names.get(hashlib.sha256(token.encode()).hexdigest())

    def _refresh(self) -> None:
        """Nobody may decide while the file cannot be read: a person who was taken out must not come back by damage."""
        try:
            stamp = _stamp(self._path)
            if stamp != self._seen:
                self._names, self._seen = _read(self._path), stamp
                log.info("approvers.read", people=len(self._names))
        except BadConfiguration as error:
            if self._names:
                log.error("approvers.unreadable", reason=str(error))  # noqa: TRY400
            self._names, self._seen = {}, (0, 0)


def _stamp(path: Path) -> tuple[int, int]:
    try:
        found = path.stat()
    except OSError as error:
        raise BadConfiguration(f"GCM_SENTINEL_APPROVERS_FILE={str(path)!r}: {error.strerror}") from error
    return found.st_mtime_ns, found.st_size


def _read(path: Path) -> Mapping[str, str]:
    try:
        lines = path.read_text(encoding="utf-8").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise BadConfiguration(f"GCM_SENTINEL_APPROVERS_FILE={str(path)!r} cannot be read: {error}") from error
    found: dict[str, str] = {}
    for number, line in enumerate(lines, 1):
        if not line.strip() or line.startswith("#"):
            continue
        read = _LINE.fullmatch(line)
        if read is None:
            raise BadConfiguration(
                f"GCM_SENTINEL_APPROVERS_FILE={str(path)!r} line {number}: expected `<SHA-256 of a token> <name>`"
            )
        found[read["digest"].lower()] = read["name"]
    return found
