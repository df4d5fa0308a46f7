"""New bearer tokens. Only their digest is ever stored."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from sentinel_gateway.domain.errors import BadConfiguration
from sentinel_gateway.domain.roles import Role, is_gateways
from sentinel_serving.tokens import minted


@dataclass(frozen=True, slots=True)
class Minted:
    """A token and the line that makes it known."""

    token: str
    line: str


def mint(name: str, roles: Iterable[str]) -> Minted:
    """A random token for somebody.

    Raises:
        BadConfiguration: an unknown role, or a name that does not fit on a line or is the gateway's.
    """
    known = set(Role)
    wanted = sorted(set(roles))
    unknown = [role for role in wanted if role not in known]
    if unknown or not wanted:
        raise BadConfiguration(f"--role must be one of {', '.join(Role)}, not {', '.join(unknown) or 'nothing'}")
    if not name.strip() or not name.isprintable():
        raise BadConfiguration("--name must be printable and not empty")
    if is_gateways(name):
        raise BadConfiguration(f"--name {name!r} is the gateway's own name: its holder would pass for the gateway")
    return Minted(*minted(name, wanted))
