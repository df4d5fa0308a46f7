"""The mode's guard in front of the Kubernetes client: every write is decided before it is sent.

Publishers get this instead of the client itself. What a request does is read off the request (domain/effects.py), never
off what the caller says it wants; what the mode does not permit is refused and logged. Data sources get `Reader`, which
cannot write at all.
"""

from __future__ import annotations

from typing import Protocol

import structlog

from gcm_sentinel.domain.effects import effect_of
from gcm_sentinel.domain.errors import Refused
from gcm_sentinel.domain.jsontypes import JsonObject
from gcm_sentinel.domain.modes import Mode, permits
from gcm_sentinel.domain.order import CallBody

log = structlog.get_logger(__name__)


class Writer(Protocol):
    """The writing face of a Kubernetes client."""

    async def create(self, path: str, body: JsonObject) -> JsonObject:
        """POST an object."""
        ...

    async def patch(
        self,
        path: str,
        body: CallBody,
        *,
        content_type: str,
        field_manager: str | None = None,
        force: bool | None = None,
    ) -> JsonObject:
        """PATCH an object."""
        ...

    async def delete(self, path: str, body: JsonObject) -> JsonObject:
        """DELETE an object; `body` are the DeleteOptions."""
        ...


class GuardedWriter:
    """A `Writer` that sends only what `mode` permits."""

    def __init__(self, client: Writer, mode: Mode) -> None:
        self._client = client
        self._mode = mode

    async def create(self, path: str, body: JsonObject) -> JsonObject:
        """POST an object.

        Raises:
            Refused: the mode does not permit it.
        """
        self._decide("POST", path, body)
        return await self._client.create(path, body)

    async def patch(
        self,
        path: str,
        body: CallBody,
        *,
        content_type: str,
        field_manager: str | None = None,
        force: bool | None = None,
    ) -> JsonObject:
        """PATCH an object.

        Raises:
            Refused: the mode does not permit it.
        """
        self._decide("PATCH", path, body)
        return await self._client.patch(path, body, content_type=content_type, field_manager=field_manager, force=force)

    async def delete(self, path: str, body: JsonObject) -> JsonObject:
        """DELETE an object.

        Raises:
            Refused: it is no maintenance request of ours in one named version, or the mode does not permit it.
        """
        self._decide("DELETE", path, body)
        return await self._client.delete(path, body)

    def _decide(self, method: str, path: str, body: CallBody) -> None:
        effect = effect_of(method, path, body)
        decision = permits(self._mode, effect)
        if not decision.allowed:
            log.warning("write.refused", method=method, path=path, effect=str(effect), reason=decision.reason)
            raise Refused(f"{method} {path} was not sent: {decision.reason}")
