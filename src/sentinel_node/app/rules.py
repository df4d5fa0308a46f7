"""Who may be whom, from the settings and the tokens file, which is read again when it changes.

A file that cannot be used any more leaves the last usable one in force, and says so.
"""

from __future__ import annotations

from pathlib import Path

import structlog

from sentinel_node.app.settings import Settings
from sentinel_node.domain.access import EVERY_ROLE, AccessRules, Caller, Role
from sentinel_node.domain.errors import BadConfiguration
from sentinel_serving.stamps import Stamp, stamp_of
from sentinel_serving.tokens import Listed, UnusableTokens, listed

log = structlog.get_logger(__name__)


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
    try:
        return [(one.digest, _holder(one)) for one in listed(path, "tokens_file")]
    except UnusableTokens as error:
        raise BadConfiguration(str(error)) from error


def _holder(line: Listed) -> Caller:
    try:
        return Caller(line.name, frozenset(Role(role) for role in line.roles))
    except ValueError:
        raise BadConfiguration(f"{line.place}: roles are {', '.join(Role)}, not {','.join(line.roles)!r}") from None


def _stamp(path: Path | None) -> Stamp | None:
    return None if path is None else stamp_of(path)
