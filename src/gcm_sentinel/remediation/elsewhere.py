"""Calls of an order that change no object: a custom resource is made or deleted, a directive given to a gateway.

A probe is no change either, and goes its own way (probing.py).

All bear the order's handle as their name, so one whose answer was lost is known again and not made twice.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import datetime
from functools import partial

import structlog

from gcm_sentinel.clients.guarded import Writer
from gcm_sentinel.clients.guarded_gateway import GatewayWriter
from gcm_sentinel.clients.kubernetes import KubeObject, metadata
from gcm_sentinel.clients.kubernetes.client import Params
from gcm_sentinel.clients.kubernetes.objects import mapping, text
from gcm_sentinel.domain.errors import NotFound, Refused, Rejected, Retryable
from gcm_sentinel.domain.jsontypes import JsonObject
from gcm_sentinel.domain.order import ApiCall, Order
from gcm_sentinel.domain.remediation import GONE_ALREADY
from gcm_sentinel.remediation.doubt import in_doubt, may_have_arrived
from gcm_sentinel.remediation.probing import Objection, Objections, ProbeRunner

log = structlog.get_logger(__name__)

CALL = "CALL"
"""Method of the calls that go to the gateway."""
DELETE = "DELETE"
_CONFLICT = 409
_TRIES = 5
_PAUSE_S = 5.0
"""Between two tries where there was no answer."""

Get = Callable[[str, Params | None], Awaitable[KubeObject]]
Sleep = Callable[[float], Awaitable[None]]


async def _always() -> str:
    return ""


@dataclass(frozen=True, slots=True)
class Others:
    """Who but the API server carries calls of an order out."""

    gateway: GatewayWriter | None = None
    """None where no gateway is configured."""
    probes: ProbeRunner | None = None
    """None where no agents on GPU nodes are."""
    unwanted: Objection = _always
    """Why what goes on for long is not wanted any more; empty where it is. It does not wait for who can tell."""


@dataclass(frozen=True, slots=True)
class Making:
    """Makes the object of one call, once."""

    call: ApiCall
    get: Get
    writer: Writer
    sleep: Sleep

    async def __call__(self, objection: Callable[[], Awaitable[str]]) -> JsonObject:
        """The made object's `metadata`, or that of the one of its name that was there; `objection` is why not to.

        Raises:
            Refused: for the objection.
            SentinelError: as the API server answered.
        """
        return await _persistently(partial(self._once, objection), self.call, self.sleep)

    async def _once(self, objection: Callable[[], Awaitable[str]]) -> JsonObject:
        body = mapping(self.call.body)
        name = text(metadata(body).get("name"))
        try:
            return metadata(await self.get(f"{self.call.path}/{name}", None))
        except NotFound:
            log.debug("action.not_made_yet", path=self.call.path, name=name)
        if reason := await objection():
            raise Refused(f"{self.call.method} {self.call.path} was not sent: {reason}")
        try:
            return metadata(await self.writer.create(self.call.path, body))
        except Rejected as error:
            if error.status != _CONFLICT:
                raise
            return {"name": name}  # made meanwhile: AlreadyExists


async def remove(call: ApiCall, writer: Writer, sleep: Sleep) -> JsonObject:
    """Delete the object of `call`, in the version that its preconditions name; one that is gone counts as deleted.

    `GONE_ALREADY` in the answer tells of that: somebody else deleted it, or an earlier try of ours, its answer lost.

    Raises:
        Refused: the mode does not permit it.
        SentinelError: as the API server answered; `Rejected` with 409 where it is in another version by now.
    """
    return await _persistently(partial(_removed, call, writer), call, sleep)


async def _removed(call: ApiCall, writer: Writer) -> JsonObject:
    name = call.path.rpartition("/")[2]
    try:
        await writer.delete(call.path, mapping(call.body))
    except NotFound:
        log.info("action.gone_already", path=call.path)
        return {"name": name, GONE_ALREADY: True}
    return {"name": name}


async def direct(call: ApiCall, order: Order, at: datetime, gateway: GatewayWriter | None, sleep: Sleep) -> JsonObject:
    """Have the gateway carry `call` out; `at` is the same whenever it is sent again.

    Raises:
        Refused: no gateway is configured, or the mode does not permit it.
        SentinelError: as the gateway answered.
    """
    if gateway is None:
        raise Refused(f"{call.path} was not called: no SENTINEL gateway is configured")
    body = mapping(call.body)
    work = partial(gateway.carry_out, call.path, body, directive_id=order.handle, at=at)
    return await _persistently(work, call, sleep)


async def probe(call: ApiCall, order: Order, others: Others, objection: Objection) -> JsonObject:
    """Run the probe of `call`, as long as there is no `objection` about its node, and `others` still want it.

    Raises:
        Refused: no agents are configured, the mode does not permit it, or there is an objection.
        SentinelError: no report came.
    """
    if others.probes is None:
        raise Refused(f"{call.path} was not called: no agents on GPU nodes are configured")
    return await others.probes(call, order, Objections(node=objection, order=others.unwanted))


async def _persistently(work: Callable[[], Awaitable[JsonObject]], call: ApiCall, sleep: Sleep) -> JsonObject:
    """What `work` gives; where no answer came it may have arrived, and the same is sent again."""
    lost = ""
    for _ in range(_TRIES - 1):
        try:
            return await work()
        except Retryable as error:
            log.warning("action.answer_lost", path=call.path, reason=str(error))
            lost = lost or may_have_arrived(error)
            await sleep(_PAUSE_S)
    try:
        return await work()
    except Retryable as error:
        raise in_doubt(error, lost) from error
