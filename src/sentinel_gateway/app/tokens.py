"""The operator's rules about callers, from the settings and the file of tokens, read again when it changes.

A file that cannot be used any more leaves the last usable one in force, and says so.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path

import structlog

from sentinel_gateway.app.settings import Access
from sentinel_gateway.domain.access import AccessRules, CertificateRule, TokenHolder
from sentinel_gateway.domain.errors import BadConfiguration
from sentinel_gateway.domain.roles import Role, is_gateways
from sentinel_serving.stamps import Stamp, stamp_of
from sentinel_serving.tokens import Listed, UnusableTokens, listed

log = structlog.get_logger(__name__)

_LOOK_EVERY_S = 2
_EVERYBODY = frozenset({Role.ADMIN, Role.AGENT})


class Rules:
    """The rules in force."""

    def __init__(self, access: Access, *, monotonic: Callable[[], float] = time.monotonic) -> None:
        """Read them.

        Raises:
            BadConfiguration: the file cannot be used, or a token stands for two names.
        """
        self._access = access
        self._monotonic = monotonic
        self._looked_at = monotonic()
        self._stamp = _stamp(access.tokens_file)
        self._rules = rules_of(access)

    def current(self) -> AccessRules:
        """The rules; looks at the file now and then."""
        now = self._monotonic()
        if self._access.tokens_file and now - self._looked_at >= _LOOK_EVERY_S:
            self._looked_at = now
            self._look()
        return self._rules

    def _look(self) -> None:
        try:
            stamp = _stamp(self._access.tokens_file)
            if stamp == self._stamp:
                return
            self._rules = rules_of(self._access)
        except BadConfiguration as error:
            log.warning("access.reload_failed", reason=str(error), hint="the tokens in use stay in use")
            return
        self._stamp = stamp
        log.info("access.reloaded", tokens=len(self._rules.tokens))


def rules_of(access: Access) -> AccessRules:
    """Everything the settings say about callers.

    Raises:
        BadConfiguration: the file cannot be used, or a token stands for two names.
    """
    tokens: dict[str, TokenHolder] = {}
    listed = [(token.sha256, TokenHolder(token.name, token.roles)) for token in access.tokens]
    for digest, holder in (*listed, *_from_file(access.tokens_file)):
        if tokens.setdefault(digest, holder) != holder:
            raise BadConfiguration(f"access: the same token stands for {tokens[digest].name!r} and {holder.name!r}")
    return AccessRules(
        certificates=tuple(CertificateRule(rule.match, rule.name, rule.roles) for rule in access.certificates),
        tokens=tokens,
        anonymous=_EVERYBODY if access.insecure else access.anonymous_roles,
    )


def _from_file(path: Path | None) -> list[tuple[str, TokenHolder]]:
    try:
        return [(one.digest, _holder(one)) for one in listed(path, "access.tokens_file")]
    except UnusableTokens as error:
        raise BadConfiguration(str(error)) from error


def _holder(line: Listed) -> TokenHolder:
    if is_gateways(line.name):
        raise BadConfiguration(
            f"{line.place}: {line.name!r} is the gateway's own name: whoever bears it would pass for the gateway"
        )
    try:
        return TokenHolder(line.name, frozenset(Role(role) for role in line.roles))
    except ValueError:
        raise BadConfiguration(f"{line.place}: roles are {', '.join(Role)}, not {','.join(line.roles)!r}") from None


def _stamp(path: Path | None) -> Stamp | None:
    return None if path is None else stamp_of(path)
