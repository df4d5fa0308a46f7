"""The hands of a tool: the calls of one order, each sent at most once, each a recorded step.

What is not a call of the order is refused before anything is sent, so an operation can do exactly what was shown to
whoever decided, and less. Behind it stands the mode's guard (clients/guarded.py), which reads every request anew.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from datetime import datetime
from functools import partial
from typing import Protocol

import structlog

from gcm_sentinel.clients.guarded import Writer
from gcm_sentinel.clients.kubernetes import KubeObject, metadata
from gcm_sentinel.clients.kubernetes.client import Params
from gcm_sentinel.clients.kubernetes.objects import text
from gcm_sentinel.domain.deep_probing import PROBE
from gcm_sentinel.domain.errors import Permanent, Refused, Rejected, Retryable, SentinelError
from gcm_sentinel.domain.jsontypes import Json, JsonObject
from gcm_sentinel.domain.operations import TargetKind
from gcm_sentinel.domain.order import NODE_UID, ApiCall, Order
from gcm_sentinel.domain.ownership import FIELD_MANAGER
from gcm_sentinel.domain.protocols import Clock
from gcm_sentinel.domain.remediation import Besides, Done, T, Unless
from gcm_sentinel.domain.steps import Codec, Steps
from gcm_sentinel.remediation.binding import bound
from gcm_sentinel.remediation.doubt import in_doubt, may_have_arrived
from gcm_sentinel.remediation.elsewhere import CALL, DELETE, Making, Others, direct, probe, remove

log = structlog.get_logger(__name__)

CONFLICT, UNPROCESSABLE = 409, 422
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
        self,
        order: Order,
        cluster: tuple[Reader, Writer],
        steps: Steps,
        clock: Clock,
        *,
        sleep: Sleep = asyncio.sleep,
        others: Others | None = None,
    ) -> None:
        """`cluster` is what reads, and what writes behind the mode's guard; `others` stand behind it too."""
        self._order = order
        self._others = others or Others()
        self._reader, self._writer = cluster
        self._steps = steps
        self._clock = clock
        self._sleep = sleep
        self.answered = 0
        """Calls that were carried out, now or in the record."""

    async def send(
        self,
        call: ApiCall,
        *,
        unless: Unless | None = None,
        besides: Besides | None = None,
        done: Done | None = None,
        about: str = "",
    ) -> JsonObject:
        """Send one call of the order; what identifies the object afterwards.

        Raises:
            Refused: it is not a call of this order, or the object is not as it must be.
            SentinelError: as the API server answered.
        """
        if call not in self._order.calls:
            log.error("action.call_refused", call=str(call), order=self._order.key)
            raise Refused(f"{call.method} {call.path} is no call of {self._order.key}: it was not sent")
        objection = None if unless is None else partial(self._objection, unless, besides)
        if objection is not None and not about and call.method not in (CALL, DELETE, PROBE):
            work: Callable[[], Awaitable[JsonObject]] = partial(self._send_bound, call, objection, done)
        else:
            work = await self._way(call, objection, about)
        answer = await self._steps.run(f"send:{call.method}", work, OBJECT)
        self.answered += 1
        return answer

    async def _objection(self, unless: Unless, besides: Besides | None, found: JsonObject) -> str:
        """Why nothing may be sent about `found`."""
        return self._stranger(dict(found)) or unless(found) or (await besides(found) if besides else "")

    async def _way(self, call: ApiCall, unless: Besides | None, about: str) -> Callable[[], Awaitable[JsonObject]]:
        """How `call` is sent."""
        if call.method == CALL:
            return partial(direct, call, self._order, await self.now(), self._others.gateway, self._sleep)
        if call.method == PROBE:
            return partial(self._probe, call, unless, about)
        if call.method == DELETE:
            return partial(self._remove, call)
        return partial(self._send, call) if unless is None else partial(self._make, call, unless, about)

    async def _make(self, call: ApiCall, unless: Besides, about: str) -> JsonObject:
        async def objection() -> str:
            return await unless(await self._reader.get(about))

        made = await Making(call, self._reader.get, self._writer, self._sleep)(objection)
        return _identity({"metadata": made})

    async def _probe(self, call: ApiCall, unless: Besides | None, about: str) -> JsonObject:
        async def objection() -> str:
            return await unless(await self._reader.get(about)) if unless is not None else ""

        log.info("action.sending", call=str(call), order=self._order.key)
        return await probe(call, self._order, self._others, objection)

    async def _remove(self, call: ApiCall) -> JsonObject:
        log.info("action.sending", call=str(call), order=self._order.key)
        return await remove(call, self._writer, self._sleep)

    async def look(self, name: str, work: Callable[[], Awaitable[T]], codec: Codec[T]) -> T:
        """What `work` reads, the same again in a replay.

        Raises:
            SentinelError: what `work` raised.
        """
        return await self._steps.run(f"look:{name}", work, codec)

    async def pause(self, seconds: float) -> None:
        """Wait; in a replay the wait is over."""
        await self._steps.run("pause", partial(self._sleep, seconds), _NOTHING)

    async def now(self) -> datetime:
        """The time, the same again in a replay."""
        return await self._steps.run("now", self._read_clock, MOMENT)

    async def _read_clock(self) -> datetime:
        return self._clock.now()

    async def _send_bound(self, call: ApiCall, unless: Besides, done: Done | None) -> JsonObject:
        lost = ""
        for left in reversed(range(_TRIES)):
            try:
                found = await self._found(call, unless)
                return _identity(found) if done is not None and done(found) else await self._send(call, found)
            except Retryable as error:  # it may have arrived: the object is looked at again before it is sent again
                if not left:
                    raise in_doubt(error, lost) from error
                log.warning("action.answer_lost", path=call.path, order=self._order.key, reason=str(error))
                lost = lost or may_have_arrived(error)
                await self._sleep(_PAUSE_S)
            except (Permanent, Refused) as error:
                if not left or not _is_conflict(error, call):
                    raise in_doubt(error, lost) from error
                log.info("action.conflict", path=call.path, order=self._order.key)
        raise Refused(f"{call.path} changes all the time")

    async def _found(self, call: ApiCall, unless: Besides) -> KubeObject:
        """The object of `call` as it is now.

        Raises:
            Refused: it is another one, or not as it must be.
        """
        found = await self._reader.get(call.path)
        objection = await unless(found)
        if objection:
            raise Refused(f"{call.method} {call.path} was not sent: {objection}")
        return found

    def _stranger(self, found: KubeObject) -> str:
        """Why it is not what the order is about: for a GPU, which is no API object, the node it was found in."""
        target, uid = self._order.target, text(metadata(found).get("uid"))
        meant = self._order.arguments.get(NODE_UID) if target.kind == TargetKind.GPU else target.uid
        return "" if uid and uid == meant else f"it is another object now (UID {uid})"

    async def _send(self, call: ApiCall, bound_to: KubeObject | None = None) -> JsonObject:
        log.info("action.sending", call=str(call), order=self._order.key)
        body = call.body if bound_to is None else bound(call.body, bound_to)
        if call.method == "POST" and not isinstance(body, list):
            return _identity(await self._writer.create(call.path, body))
        kind = call.content_type
        return _identity(await self._writer.patch(call.path, body, content_type=kind, field_manager=FIELD_MANAGER))


def _is_conflict(error: SentinelError, call: ApiCall) -> bool:
    """Whether the object changed since it was read; a JSON patch tells it too by an operation that finds no place."""
    statuses = (CONFLICT, UNPROCESSABLE) if isinstance(call.body, list) else (CONFLICT,)
    return isinstance(error, Rejected) and error.status in statuses


def _identity(answer: JsonObject) -> JsonObject:
    """Of the answer what later steps need, not the whole object."""
    found = _object(answer.get("metadata"))
    return {key: found[key] for key in ("name", "uid", "resourceVersion") if key in found}
