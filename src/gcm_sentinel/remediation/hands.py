"""The hands of a tool: the calls of one order, each sent at most once, each a recorded step.

What is not a call of the order is refused before anything is sent, so an operation can do exactly what was shown to
whoever decided, and less. Behind it stands the mode's guard (clients/guarded.py), which reads every request anew.
"""

from __future__ import annotations

import asyncio
from datetime import datetime
from functools import partial
from typing import Protocol

import structlog

from gcm_sentinel.clients.guarded import Writer
from gcm_sentinel.clients.kubernetes import KubeObject, metadata
from gcm_sentinel.clients.kubernetes.client import Params
from gcm_sentinel.clients.kubernetes.objects import text
from gcm_sentinel.domain.errors import Refused, Rejected, Retryable
from gcm_sentinel.domain.jsontypes import Json, JsonObject
from gcm_sentinel.domain.order import ApiCall, Order
from gcm_sentinel.domain.ownership import FIELD_MANAGER
from gcm_sentinel.domain.protocols import Clock
from gcm_sentinel.domain.remediation import Unless
from gcm_sentinel.domain.steps import Codec, Steps

log = structlog.get_logger(__name__)

CONFLICT = 409
_TRIES = 5
"""How often an object that changes all the time is read again."""
_PAUSE_S = 5.0
"""Between two tries where the API server did not answer."""


def _object(data: Json) -> JsonObject:
    return data if isinstance(data, dict) else {}


OBJECT: Codec[JsonObject] = Codec(encode=lambda body: dict(body), decode=_object)
MOMENT: Codec[datetime] = Codec(
    encode=lambda moment: moment.isoformat(), decode=lambda data: datetime.fromisoformat(str(data))
)
_NOTHING: Codec[None] = Codec(encode=lambda _none: None, decode=lambda _json: None)


class Reader(Protocol):
    """Reads the object a call is about."""

    async def get(self, path: str, params: Params | None = None) -> KubeObject:
        """One object."""
        ...


class Sleep(Protocol):
    """Waits so many seconds."""

    async def __call__(self, seconds: float, /) -> None:
        """Until they have passed."""
        ...


class ExactHands:
    """`Hands` for one order."""

    def __init__(
        self, order: Order, cluster: tuple[Reader, Writer], steps: Steps, clock: Clock, *, sleep: Sleep = asyncio.sleep
    ) -> None:
        """`cluster` is what reads, and what writes behind the mode's guard."""
        self._order = order
        self._reader, self._writer = cluster
        self._steps = steps
        self._clock = clock
        self._sleep = sleep
        self.answered = 0
        """Calls that the API server has carried out, now or in the record."""

    async def send(self, call: ApiCall, *, unless: Unless | None = None) -> JsonObject:
        """Send one call of the order; what identifies the object afterwards.

        Raises:
            Refused: it is not a call of this order, or the object is not as it must be.
            SentinelError: as the API server answered.
        """
        if call not in self._order.calls:
            log.error("action.call_refused", call=str(call), order=self._order.key)
            raise Refused(f"{call.method} {call.path} is no call of {self._order.key}: it was not sent")
        work = partial(self._send, call) if unless is None else partial(self._send_bound, call, unless)
        answer = await self._steps.run(f"send:{call.method}", work, OBJECT)
        self.answered += 1
        return answer

    async def pause(self, seconds: float) -> None:
        """Wait; in a replay the wait is over."""
        await self._steps.run("pause", partial(self._sleep, seconds), _NOTHING)

    async def now(self) -> datetime:
        """The time, the same again in a replay."""
        return await self._steps.run("now", self._read_clock, MOMENT)

    async def _read_clock(self) -> datetime:
        return self._clock.now()

    async def _send_bound(self, call: ApiCall, unless: Unless) -> JsonObject:
        for left in reversed(range(_TRIES)):
            found = await self._reader.get(call.path)
            objection = self._stranger(found) or unless(found)
            if objection:
                raise Refused(f"{call.method} {call.path} was not sent: {objection}")
            try:
                return await self._send(call, found)
            except Rejected as error:
                if error.status != CONFLICT or not left:
                    raise
                log.info("action.conflict", path=call.path, order=self._order.key)
            except Retryable as error:  # it may have arrived: the object is looked at again before it is sent again
                if not left:
                    raise
                log.warning("action.answer_lost", path=call.path, order=self._order.key, reason=str(error))
                await self._sleep(_PAUSE_S)
        raise Refused(f"{call.path} changes all the time")

    def _stranger(self, found: KubeObject) -> str:
        uid = text(metadata(found).get("uid"))
        return "" if uid == self._order.target.uid else f"it is another object now (UID {uid})"

    async def _send(self, call: ApiCall, bound_to: KubeObject | None = None) -> JsonObject:
        log.info("action.sending", call=str(call), order=self._order.key)
        body = call.body if bound_to is None else _bound(call.body, bound_to)
        if call.method == "POST":
            return _identity(await self._writer.create(call.path, body))
        kind = call.content_type
        return _identity(await self._writer.patch(call.path, body, content_type=kind, field_manager=FIELD_MANAGER))


def _bound(body: JsonObject, found: KubeObject) -> JsonObject:
    """`body` for this very object in this very version: the API server refuses it (409) for any other."""
    identity = {key: metadata(found)[key] for key in ("uid", "resourceVersion")}
    return {**body, "metadata": {**_object(body.get("metadata")), **identity}}


def _identity(answer: JsonObject) -> JsonObject:
    """Of the answer what later steps need, not the whole object."""
    found = _object(answer.get("metadata"))
    return {key: found[key] for key in ("name", "uid", "resourceVersion") if key in found}
