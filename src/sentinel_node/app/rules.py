"""Who may be whom, from the settings and the tokens file, which is read again when it changes.

One token a line: its SHA-256, its roles as a comma list, its name; empty lines and lines that begin with # are passed
over. A file that cannot be used any more leaves the last usable one in force, and says so.
"""

from __future__ import annotations

import re
from pathlib import Path

import structlog

from sentinel_node.app.settings import Settings
from sentinel_node.domain.access import EVERY_ROLE, AccessRules, Caller, Role
from sentinel_node.domain.errors import BadConfiguration

log = structlog.get_logger(__name__)

_LINE = re.compile(r"([0-9a-fA-F]{64})\s+([a-z,]+)\s+(\S.*)")


class Rules:
    """The rules in force."""

    def __init__(self, settings: Settings) -> None:
        """Read them.

        Raises:
            BadConfiguration: the tokens file cannot be used.
        """
        self._settings = settings
        self._stamp = _stamp(settings.tokens_file)
        self._rules = rules_of(settings)

    def current(self) -> AccessRules:
        """The newest usable ones."""
        stamp = _stamp(self._settings.tokens_file)
        if stamp != self._stamp:
            self._stamp = stamp
            try:
                self._rules = rules_of(self._settings)
            except BadConfiguration as error:
                log.warning("access.reload_failed", reason=str(error), hint="the tokens in use stay in use")
            else:
                log.info("access.reloaded", tokens=len(self._rules.tokens))
        return self._rules


def rules_of(settings: Settings) -> AccessRules:
    """Everything the settings say about callers. Without TLS, which is on loopback, callers without a token may all.

    Raises:
        BadConfiguration: the tokens file cannot be used.
    """
    tokens: dict[str, Caller] = {}
    for digest, holder in _from_file(settings.tokens_file):
        if tokens.setdefault(digest, holder) != holder:
            raise BadConfiguration(
                f"tokens_file: the same token stands for {tokens[digest].name!r} and {holder.name!r}"
            )
    is_open = not settings.has_tls and settings.tokens_file is None
    return AccessRules(dict(settings.certificate_roles), tokens, EVERY_ROLE if is_open else frozenset())


def _from_file(path: Path | None) -> list[tuple[str, Caller]]:
    if path is None:
        return []
    try:
        lines = path.read_text(encoding="utf-8").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise BadConfiguration(f"tokens_file {str(path)!r} cannot be read: {error}") from error
    wanted = [(number, line.strip()) for number, line in enumerate(lines, 1)]
    return [_holder(line, f"{path}:{number}") for number, line in wanted if line and not line.startswith("#")]


def _holder(line: str, place: str) -> tuple[str, Caller]:
    parts = _LINE.fullmatch(line)
    if not parts:
        raise BadConfiguration(f"{place}: expected `<SHA-256 as hex> <role,role> <name>`")
    digest, roles, name = parts.groups()
    try:
        return digest.lower(), Caller(name, frozenset(Role(role) for role in roles.split(",") if role))
    except ValueError:
        raise BadConfiguration(f"{place}: roles are {', '.join(Role)}, not {roles!r}") from None


def _stamp(path: Path | None) -> tuple[int, int, int] | None:
    if path is None:
        return None
    try:
        stat = path.stat()
    except OSError:
        return None  # reading it says why
    return stat.st_ino, stat.st_mtime_ns, stat.st_size
