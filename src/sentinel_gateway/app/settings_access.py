"""Which certificates and tokens give which roles."""

from __future__ import annotations

from typing import Annotated

from pydantic import AfterValidator, Field

from sentinel_gateway.app.setting_values import FromJson, Roles, Seconds, Sha256
from sentinel_gateway.app.settings_group import Group
from sentinel_gateway.domain.access import NameKind
from sentinel_gateway.domain.roles import is_gateways
from sentinel_serving.setting_values import OptionalPath


def _somebodys(name: str) -> str:
    if is_gateways(name):
        raise ValueError("is the gateway's own name: its holder would pass for the gateway")
    return name


_Name = Annotated[str, Field(min_length=1), AfterValidator(_somebodys)]


class Certificate(Group):
    """Which roles a client certificate gives."""

    match: NameKind = NameKind.COMMON_NAME
    """``cn``, ``dns`` or ``uri``: the name looked at."""
    name: _Name
    """Exact, or a pattern with ``*``, ``?``."""
    roles: Annotated[Roles, Field(min_length=1)]


class Token(Group):
    """Which roles a bearer token gives."""

    name: _Name
    """Stands in the ledger for whoever uses it."""
    sha256: Sha256
    roles: Annotated[Roles, Field(min_length=1)]


class Access(Group):
    """Who may do what."""

    insecure: bool = False
    """No TLS, and callers without a token are admin and agent; loopback only."""
    insecure_beyond_loopback: bool = False
    """Let `insecure` listen where other machines reach it."""
    anonymous_roles: Roles = frozenset()
    """Roles of callers that show nothing."""
    certificates: Annotated[tuple[Certificate, ...], FromJson] = ()
    """Rules: `match` (cn, dns or uri), `name` (exact, or with `*`, `?`), `roles`."""
    tokens: Annotated[tuple[Token, ...], FromJson] = ()
    """Tokens: `name`, `sha256`, `roles`."""
    tokens_file: OptionalPath = None
    """One token a line: SHA-256, roles (comma list), name. Read again when it changes."""
    refusal_window_seconds: Annotated[Seconds, Field(gt=0)] = 60
    """The same refusal is recorded in the ledger once in this time, with its count."""
