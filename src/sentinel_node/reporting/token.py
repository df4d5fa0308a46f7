"""The bearer token for the gateway, from a file that is followed: Kubernetes replaces a rotated secret below us.

Looked at by its content every few seconds, since a folder that is swapped by a link, or a clock that stands, hides a
change from times and sizes. What cannot be used as a token leaves the last usable one in force, and is told once.
"""

from __future__ import annotations

import asyncio
from pathlib import Path

import structlog

from sentinel_node.domain.errors import BadConfiguration
from sentinel_sdk.conversion import can_be_sent

log = structlog.get_logger(__name__)

LOOK_EVERY_S = 5.0


class TokenFile:
    """A token, and when it changes."""

    def __init__(self, path: Path, look_every_s: float = LOOK_EVERY_S) -> None:
        """Read it.

        Raises:
            BadConfiguration: the file cannot be read, or holds no token.
        """
        self._path, self._look_every_s = path, look_every_s
        self._failing = ""
        self.current = _read(path)

    async def changed(self) -> None:
        """Wait until there is another one, which is the current one then."""
        while True:
            await asyncio.sleep(self._look_every_s)
            token = await asyncio.to_thread(self._newest)
            if token != self.current:
                self.current = token
                log.info("gateway.token_reloaded", file=str(self._path))
                return

    def _newest(self) -> str:
        try:
            token = _read(self._path)
        except BadConfiguration as error:
            if self._failing != (failing := str(error)):
                log.warning("gateway.token_reload_failed", reason=failing, hint="the token in use stays in use")
                self._failing = failing
            return self.current
        self._failing = ""
        return token


def _read(path: Path) -> str:
    place = f"gateway_token_file {str(path)!r}"
    try:
        token = path.read_text(encoding="utf-8").strip()
    except (OSError, UnicodeDecodeError) as error:
        raise BadConfiguration(f"{place} cannot be read: {error}") from error
    if not token or not can_be_sent(token):
        raise BadConfiguration(f"{place} holds no token: one line of printable ASCII is expected")
    return token
