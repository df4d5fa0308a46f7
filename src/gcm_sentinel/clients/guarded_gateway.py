"""The mode's guard in front of what changes something at the SENTINEL gateway, as guarded.py is for Kubernetes.

Every call that is carried out there counts as a remediation: a directive takes a GPU out of service or gives it back.
"""

from __future__ import annotations

from datetime import datetime
from typing import Protocol

import structlog

from gcm_sentinel.domain.effects import effect_of
from gcm_sentinel.domain.errors import Refused
from gcm_sentinel.domain.jsontypes import JsonObject
from gcm_sentinel.domain.modes import Mode, permits

log = structlog.get_logger(__name__)


class GatewayWriter(Protocol):
    """The writing face of a gateway's client."""

    async def carry_out(self, method: str, body: JsonObject, *, directive_id: str, at: datetime) -> JsonObject:
        """Call `method` (``sentinel.v1.QuarantineService/IssueDirective``); its answer.

        `directive_id` and `at` belong to the call: repeated with the same ones it is answered as before, without a
        second effect.
        """
        ...


class GuardedGateway:
    """A `GatewayWriter` that carries out only what `mode` permits."""

    def __init__(self, client: GatewayWriter, mode: Mode) -> None:
        self._client = client
        self._mode = mode

    async def carry_out(self, method: str, body: JsonObject, *, directive_id: str, at: datetime) -> JsonObject:
        """Call `method`.

        Raises:
            Refused: the mode does not permit it.
            SentinelError: as the gateway answered.
        """
        effect = effect_of("CALL", method, body)
        decision = permits(self._mode, effect)
        if not decision.allowed:
            log.warning("write.refused", method="CALL", path=method, effect=str(effect), reason=decision.reason)
            raise Refused(f"{method} was not called: {decision.reason}")
        return await self._client.carry_out(method, body, directive_id=directive_id, at=at)
