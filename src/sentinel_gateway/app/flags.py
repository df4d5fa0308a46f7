"""From the command line's options to settings; what was not given is left to environment and file."""

from __future__ import annotations

from sentinel_gateway.app.loading import Groups


def flags_of(
    *, insecure: bool, listen: str | None = None, database_url: str | None = None, log_level: str | None = None
) -> Groups:
    """The settings that options stand for."""
    groups: Groups = {}
    for group, key, value in (
        ("access", "insecure", insecure or None),
        ("grpc", "listen", listen),
        ("database", "url", database_url),
        ("log", "level", log_level),
    ):
        if value is not None:
            groups.setdefault(group, {})[key] = value
    return groups
