"""From what a connection shows to who it is: pure decisions over rules the operator wrote.

A token, where one is sent, decides alone: a caller who sends a wrong one is refused even with a good certificate, for
otherwise a stale token would silently act under the machine's name. Tokens are known by their SHA-256 only; they are
random and long, so a plain digest is enough and looking it up leaks nothing.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from fnmatch import fnmatchcase

from sentinel_gateway.domain.errors import Unauthenticated
from sentinel_gateway.domain.roles import Caller, Role, is_gateways
from sentinel_serving import tokens

token_digest = tokens.token_digest


class NameKind(StrEnum):
    """Which name of a certificate a rule looks at."""

    COMMON_NAME = "cn"
    DNS = "dns"
    URI = "uri"


@dataclass(frozen=True, slots=True)
class CertificateNames:
    """The names in a client certificate that the TLS layer has already verified."""

    common_name: str = ""
    dns: tuple[str, ...] = ()
    uris: tuple[str, ...] = ()

    def of(self, kind: NameKind) -> tuple[str, ...]:
        """The names of one kind; none of them empty."""
        if kind is NameKind.COMMON_NAME:
            return (self.common_name,) if self.common_name else ()
        return self.dns if kind is NameKind.DNS else self.uris

    @property
    def shown(self) -> str:
        """The name for the ledger and for messages."""
        return self.common_name or next(iter(self.uris + self.dns), "(certificate without a name)")


@dataclass(frozen=True, slots=True)
class CertificateRule:
    """Certificates whose name matches have these roles."""

    kind: NameKind
    pattern: str
    """Exact, or with ``*``, ``?``, ``[...]``; upper and lower case differ."""
    roles: frozenset[Role]

    def matches(self, names: CertificateNames) -> bool:
        """Whether one of the names of this kind matches."""
        return any(fnmatchcase(name, self.pattern) for name in names.of(self.kind))


@dataclass(frozen=True, slots=True)
class TokenHolder:
    """Whom a token stands for."""

    name: str
    roles: frozenset[Role]


@dataclass(frozen=True, slots=True)
class AccessRules:
    """Everything the operator said about who may be whom."""

    certificates: tuple[CertificateRule, ...] = ()
    tokens: Mapping[str, TokenHolder] = field(default_factory=dict)
    """By SHA-256 of the token, lower-case hex."""
    anonymous: frozenset[Role] = frozenset()
    """Roles of callers that show nothing; with none they are refused as unauthenticated."""

    def caller(self, names: CertificateNames | None, token: str | None) -> Caller:
        """Who somebody is that shows this certificate (None for no certificate) and this token (None for none).

        Raises:
            Unauthenticated: an unknown token, or nothing shown where anonymous callers have no role.
        """
        if token is not None:
            holder = self.tokens.get(token_digest(token))
            if holder is None:
                raise Unauthenticated("the bearer token is not known; make one with `sentinel-gateway token`")
            return Caller(holder.name, holder.roles, "token")
        if names is not None:
            roles = frozenset[Role]() if is_gateways(names.shown) else roles_of(names, self.certificates)
            return Caller(names.shown, roles, "certificate")
        if not self.anonymous:
            raise Unauthenticated("show a client certificate, or send `authorization: Bearer <token>`")
        return Caller("anonymous", self.anonymous, "none")


def roles_of(names: CertificateNames, rules: Iterable[CertificateRule]) -> frozenset[Role]:
    """The roles of all rules that match; none where none does."""
    return frozenset(role for rule in rules if rule.matches(names) for role in rule.roles)


def bearer_token(header: str | None) -> str | None:
    """The token of an ``authorization`` header; None where there is no header.

    Raises:
        Unauthenticated: the header is there, but is no bearer token.
    """
    try:
        return tokens.bearer_token(header)
    except tokens.UnusableTokens as error:
        raise Unauthenticated(str(error)) from error
