"""A gateway that knows one token for each role, and how to send them."""

from __future__ import annotations

from pathlib import Path

from tests.sentinel_gateway.driving import settings

from sentinel_gateway.app.loading import Groups
from sentinel_gateway.app.settings import Settings
from sentinel_gateway.domain.access import token_digest
from sentinel_gateway.domain.roles import Role


def role_settings(folder: Path, groups: Groups | None = None) -> Settings:
    """Settings of a gateway without TLS where only tokens count; `groups` over them."""
    tokens = [{"name": role, "sha256": token_digest(token_of(role)), "roles": [role]} for role in Role]
    usual: Groups = {"tls": {"enabled": False}, "access": {"tokens": tokens}}
    return settings(folder, {**usual, **(groups or {})}, insecure=False)


def token_of(role: str) -> str:
    """The token of a role."""
    return f"token-of-{role}"


def bearer(role: str) -> tuple[tuple[str, str], ...]:
    """Metadata of a caller with a role."""
    return (("authorization", f"Bearer {token_of(role)}"),)
