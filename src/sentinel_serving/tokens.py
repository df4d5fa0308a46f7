"""Bearer tokens: how they are sent, how they are known, and the file that lists them.

Only a token's SHA-256 is ever kept; tokens are random and long, so a plain digest is enough. One token a line of the
file: its digest, its roles as a comma list, its holder's name. Empty lines and lines that begin with # are passed over.
"""

from __future__ import annotations

import hashlib
import re
import secrets
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

_LINE = re.compile(r"([0-9a-fA-F]{64})\s+([a-z,]+)\s+(\S.*)")
_BYTES = 32


class UnusableTokens(Exception):
    """Raised when a file of tokens, or a header that should hold one, cannot be used; says why."""


@dataclass(frozen=True, slots=True)
class Listed:
    """One line of the file."""

    digest: str
    """Lower-case hexadecimal."""
    roles: tuple[str, ...]
    """As they are written; which there are is the server's matter."""
    name: str
    place: str
    """File and line, for messages."""


def token_digest(token: str) -> str:
    """The form in which settings know a token."""
    return hashlib.sha256(token.encode()).hexdigest()


def bearer_token(header: str | None) -> str | None:
    """The token of an ``authorization`` header; None where there is no header.

    Raises:
        UnusableTokens: the header is there, but is no bearer token.
    """
    if header is None:
        return None
    scheme, _, token = header.strip().partition(" ")
    if scheme.lower() != "bearer" or not token.strip():
        raise UnusableTokens("the authorization header must be `Bearer <token>`")
    return token.strip()


def listed(path: Path | None, setting: str) -> tuple[Listed, ...]:
    """What stands in a file of tokens; nothing where there is none. `setting` names it in messages.

    Raises:
        UnusableTokens: it cannot be read, or a line is of another form.
    """
    if path is None:
        return ()
    try:
        lines = path.read_text(encoding="utf-8").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise UnusableTokens(f"{setting} {str(path)!r} cannot be read: {error}") from error
    wanted = [(number, line.strip()) for number, line in enumerate(lines, 1)]
    return tuple(_listed(line, f"{path}:{number}") for number, line in wanted if line and not line.startswith("#"))


def minted(name: str, roles: Iterable[str]) -> tuple[str, str]:
    """A random token, and the line that makes it known."""
    token = secrets.token_urlsafe(_BYTES)
    return token, f"{token_digest(token)} {','.join(sorted(set(roles)))} {name.strip()}"


def _listed(line: str, place: str) -> Listed:
    parts = _LINE.fullmatch(line)
    if not parts:
        raise UnusableTokens(f"{place}: expected `<SHA-256 as hex> <role,role> <name>`")
    digest, roles, name = parts.groups()
    return Listed(digest.lower(), tuple(role for role in roles.split(",") if role), name, place)
