"""From what a connection shows to what it may ask: pure decisions over rules the operator wrote.

Two roles, and neither includes the other: who reads telemetry has no business loading GPUs, and a schedule that only
probes needs no logs. A token, where one is sent, decides alone, so a stale one never acts under the machine's name.
Tokens are known by their SHA-256 only; they are random and long, so a plain digest is enough.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from fnmatch import fnmatchcase

from sentinel_node.domain.errors import Denied, Unauthenticated
from sentinel_serving import tokens

token_digest = tokens.token_digest


class Role(StrEnum):
    """What a caller may be."""

    READER = "reader"
    """Telemetry, kernel log, diagnostics, evidence."""
    PROBER = "prober"
    """Run probes."""


EVERY_ROLE = frozenset(Role)


@dataclass(frozen=True, slots=True)
class CertificateNames:
    """The names in a client certificate that the TLS layer has already verified."""

    common_name: str = ""
    others: tuple[str, ...] = ()
    """DNS names and URIs."""

    @property
    def shown(self) -> str:
        """The name for logs and messages."""
        return self.common_name or next(iter(self.others), "(certificate without a name)")


@dataclass(frozen=True, slots=True)
class Caller:
    """Who a connection proved to be."""

    name: str
    roles: frozenset[Role]

    def check(self, needed: Role | None) -> None:
        """Whether it may; None is what everybody with any role may.

        Raises:
            Denied: it may not.
        """
        if needed is None and self.roles:
            return
        if needed not in self.roles:
            has = ", ".join(sorted(self.roles)) or "no role"
            raise Denied(f"this needs the role {str(needed or 'reader or prober')!r}; {self.name!r} has {has}")


@dataclass(frozen=True, slots=True)
class AccessRules:
    """Everything the operator said about who may be whom."""

    certificates: Mapping[str, frozenset[Role]] = field(default_factory=dict)
    """By name: exact, or with ``*``, ``?``; held against the common name and every DNS name and URI."""
    tokens: Mapping[str, Caller] = field(default_factory=dict)
    """By SHA-256 of the token, lower-case hex."""
    anonymous: frozenset[Role] = frozenset()
    """Roles of callers that show nothing; given only where nobody but this machine can connect."""

    def caller(self, names: CertificateNames | None, token: str | None) -> Caller:
        """Who somebody is that shows this certificate and this token, each None for none.

        Raises:
            Unauthenticated: an unknown token, or nothing shown where that gives no role.
        """
        if token is not None:
            if (holder := self.tokens.get(token_digest(token))) is None:
                raise Unauthenticated("the bearer token is not known; make one with `sentinel-node token`")
            return holder
        if names is not None:
            return Caller(names.shown, self._roles_of(names))
        if not self.anonymous:
            raise Unauthenticated("show a client certificate, or send `authorization: Bearer <token>`")
        return Caller("anonymous", self.anonymous)

    def _roles_of(self, names: CertificateNames) -> frozenset[Role]:
        shown = [name for name in (names.common_name, *names.others) if name]
        matching = (roles for pattern, roles in self.certificates.items() if _any_is(shown, pattern))
        return frozenset(role for roles in matching for role in roles)


def _any_is(names: list[str], pattern: str) -> bool:
    return any(fnmatchcase(name, pattern) for name in names)


def bearer_token(header: str | None) -> str | None:
    """The token of an ``authorization`` header; None where there is no header.

    Raises:
        Unauthenticated: the header is there, but is no bearer token.
    """
    try:
        return tokens.bearer_token(header)
    except tokens.UnusableTokens as error:
        raise Unauthenticated(str(error)) from error
