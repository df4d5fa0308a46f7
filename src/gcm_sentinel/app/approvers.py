"""Who may decide about actions over HTTP: a file with one person a line, ``<SHA-256 of the token, hex> <name>``.

Only digests stand in the file, so reading it gives nobody a token. It is read again when it changes: taking a person
out takes effect at once. A line that cannot be read, or that two people would share a token by, lets nobody decide; the
others count all the same, because one slip must not lock everybody out. What is said of a bad line never repeats it:
it may be a token that somebody wrote there in place of its digest.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import structlog

from gcm_sentinel.domain.errors import BadConfiguration

log = structlog.get_logger(__name__)

_Stamp = tuple[int, int, int]
"""Another one, and the file is another: time, size, inode."""
_DIGEST = re.compile(r"[0-9a-f]{64}", re.IGNORECASE)
_SHAPE = "expected `<SHA-256 of a token> <name>`"
_OF_SHA256SUM = "-"
"""What ``sha256sum`` prints behind the digest of its standard input; it is nobody's name."""
_OF_NO_TOKEN = frozenset(hashlib.sha256(nothing).hexdigest() for nothing in (b"", b"\n", b"\r\n"))
"""What ``sha256sum`` makes of a variable that is not set, by ``printf`` or by ``echo``."""
_TOKEN_LEAST = 20
"""Shorter tokens can be guessed; they are refused even where their digest is listed."""


@dataclass(frozen=True, slots=True)
class BadLine:
    """A line by which nobody may decide."""

    number: int
    """The first is 1."""
    reason: str
    """What is wrong, without a word of the line."""


@dataclass(frozen=True, slots=True)
class Listed:
    """What a file says."""

    names: Mapping[str, str]
    """Name by digest, in lower case."""
    bad: tuple[BadLine, ...]

    @property
    def people(self) -> int:
        """How many may decide; one with two tokens counts once."""
        return len(set(self.names.values()))


class Approvers:
    """The people of one file."""

    def __init__(self, path: Path) -> None:
        """Read it once, so that a wrong file is found at the start.

        Raises:
            BadConfiguration: it cannot be read, or it has lines and none is as above.
        """
        self._path = path
        self._seen: _Stamp | None = _stamp(path)
        listed = read_approvers(path)
        if listed.bad and not listed.names:
            raise BadConfiguration(f"{_place(path)} line {listed.bad[0].number}: {listed.bad[0].reason}")
        self._names = listed.names
        self._unreadable = ""
        _tell(listed)

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
            if stamp == self._seen:
                return
            listed = read_approvers(self._path)
        except BadConfiguration as error:
            if str(error) != self._unreadable:
                log.error("approvers.unreadable", line=None, reason=str(error))  # noqa: TRY400
            self._names, self._seen, self._unreadable = {}, None, str(error)
            return
        self._names, self._seen, self._unreadable = listed.names, stamp, ""
        log.info("approvers.read", people=listed.people)
        _tell(listed)


def read_approvers(path: Path) -> Listed:
    """The people of a file, and the lines that name nobody.

    Raises:
        BadConfiguration: it cannot be read at all.
    """
    try:
        lines = path.read_bytes().splitlines()
    except OSError as error:
        raise BadConfiguration(f"{_place(path)} cannot be read: {error.strerror}") from error
    found: dict[str, list[tuple[int, str]]] = {}
    bad: list[BadLine] = []
    for number, line in enumerate(lines, 1):
        if not line.strip() or line.startswith(b"#"):
            continue
        digest, name = _words(line)
        if reason := _wrong_with(digest, name):
            bad.append(BadLine(number, reason))
        else:
            found.setdefault(digest.lower(), []).append((number, name))
    names = {digest: given[0][1] for digest, given in found.items() if len(given) == 1}
    bad += [shared for given in found.values() if len(given) > 1 for shared in _shared(given)]
    return Listed(names, tuple(sorted(bad, key=lambda line: line.number)))


def _words(line: bytes) -> tuple[str, str]:
    """The first word, and the rest; what is not UTF-8 becomes a character that no name may have."""
    first, *rest = line.decode(errors="replace").split(maxsplit=1) or [""]
    return first, rest[0].rstrip() if rest else ""


def _wrong_with(digest: str, name: str) -> str:
    """Why a line names nobody; empty where it does."""
    if not _DIGEST.fullmatch(digest):
        return f"{_SHAPE}; its first word has {len(digest)} characters and is no SHA-256 (64 hexadecimal digits)"
    if digest.lower() in _OF_NO_TOKEN:
        return f"{_SHAPE}; it is the digest of an empty token, which nobody can hold: was a variable not set?"
    if not name:
        return f"{_SHAPE}; there is no name behind the digest"
    if name == _OF_SHA256SUM:
        return f"{_SHAPE}; `-` is what sha256sum prints, not a name"
    if not name.isprintable() or "\ufffd" in name:
        return f"{_SHAPE}; the name has characters that cannot be shown, or is not UTF-8"
    return ""


def _shared(given: Sequence[tuple[int, str]]) -> Sequence[BadLine]:
    """The lines of one digest: whose token it is cannot be told, so it is nobody's."""
    numbers = " and ".join(str(number) for number, _ in given)
    reason = f"lines {numbers} have the same digest: one token cannot be two people's; keep one of them"
    return [BadLine(number, reason) for number, _ in given]


def _tell(listed: Listed) -> None:
    for line in listed.bad:
        log.error("approvers.unreadable", line=line.number, reason=line.reason, hint="the other lines count")


def _stamp(path: Path) -> _Stamp:
    try:
        found = path.stat()
    except OSError as error:
        raise BadConfiguration(f"{_place(path)}: {error.strerror}") from error
    return found.st_mtime_ns, found.st_size, found.st_ino


def _place(path: Path) -> str:
    return f"GCM_SENTINEL_APPROVERS_FILE={str(path)!r}"
