"""Dry runs: each Kubernetes request of an order is sent as one (`dryRun=All`) before anybody is asked about it.

What the API server says no to whenever it is asked (no permission, an admission webhook, not valid) is a fact for the
gate: no person is asked about what cannot be done. What it may answer differently in a moment refuses nothing: a
disruption budget, which is waited for and told of; an object that changed or is gone; a server that is away or does
not know us just now (401: a token is renewed).

Only requests to the core API are tried: whether what serves another group heeds `dryRun` nobody knows, and one that
does not would do in earnest what nobody was asked about.

Each request is tried alone, as if those before it had not been sent, and bound to the object as it is now. After one
that got no answer none is tried any more: whoever asked waits for this.
"""

from __future__ import annotations

import asyncio
import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from enum import Enum, auto
from typing import Protocol

import structlog

from gcm_sentinel.clients.guarded import Writer
from gcm_sentinel.clients.kubernetes import KubeObject
from gcm_sentinel.clients.kubernetes.client import Params
from gcm_sentinel.clients.kubernetes.dry_run import heeds_dry_run
from gcm_sentinel.domain.dry_run import DryRun
from gcm_sentinel.domain.errors import Forbidden, NotFound, Overloaded, Refused, Rejected, Retryable, SentinelError
from gcm_sentinel.domain.order import ApiCall, Order
from gcm_sentinel.domain.ownership import FIELD_MANAGER
from gcm_sentinel.remediation.binding import bound

log = structlog.get_logger(__name__)

WITHIN = timedelta(seconds=10)
"""For all requests of an order together; what was not tried by then is told."""
_SHARE = 3
"""An engine's call is planned, surveyed and tried within one deadline, so that each has this part of it."""
_TRIED = ("POST", "PATCH")
_CONFLICT, _GONE = 409, 410
_TOO_MANY_REQUESTS = 429
_UNKNOWN_TO_IT = "the Kubernetes API answered 401:"
"""In the words of clients/kubernetes/errors.py."""
_NO_DRY_RUN = "does not support dry run"
"""Of an admission webhook with side effects (k8s.io/apiserver, admission/plugin/webhook/errors/statuserror.go)."""
_BUDGET = re.compile(r"The disruption budget (\S+) ")
"""In the causes of a refused eviction (kubernetes pkg/registry/core/pod/storage/eviction.go)."""
_SHOWN_MAX = 5
_TRIES = 2
"""Of a request bound to an object that changed since it was read."""


class Reader(Protocol):
    """Reads the object a request is about."""

    async def get(self, path: str, params: Params | None = None) -> KubeObject:
        """One object."""
        ...


class _Said(Enum):
    REFUSED = auto()
    """Whenever it is sent."""
    NOTHING = auto()
    BUDGET = auto()
    UNKNOWN = auto()
    """It could not be tried."""


@dataclass(frozen=True, slots=True)
class _Answer:
    said: _Said
    words: str = ""
    is_last: bool = False
    """Whether there is no use in trying another."""


def share_of(call_timeout: timedelta) -> timedelta:
    """How long trying may take where an engine's call may take `call_timeout`."""
    return call_timeout / _SHARE


class DryRuns:
    """Tries orders out."""

    def __init__(self, reader: Reader, writer: Writer, *, within: timedelta = WITHIN) -> None:
        """`writer` changes nothing (clients/kubernetes/dry_run.py), and stands behind the mode's guard all the same."""
        self._reader = reader
        self._writer = writer
        self._within = within

    async def of(self, order: Order) -> DryRun:
        """What the API server says to the requests of `order`; those to a gateway are not tried. Never raises."""
        calls = [call for call in order.calls if call.method in _TRIED]
        answers: list[_Answer] = []
        try:
            async with asyncio.timeout(self._within.total_seconds()):
                for call in calls:
                    answers.append(await self._try(call))
                    if answers[-1].is_last:
                        break
        except TimeoutError:
            answers.append(_Answer(_Said.UNKNOWN, f"not answered within {self._within.total_seconds():.0f} s"))
        found = _summed_up(answers, len(calls))
        if found != DryRun():
            log.info("action.tried", order=order.key, refusals=list(found.refusals), notes=list(found.notes))
        return found

    async def _try(self, call: ApiCall) -> _Answer:
        if not heeds_dry_run(call.path):
            return _Answer(_Said.UNKNOWN, f"{call.method} {call.path}: only the core API surely knows dry runs")
        answer = _Answer(_Said.NOTHING)
        for _ in range(_TRIES):
            try:
                await self._send(call)
                return _Answer(_Said.NOTHING)
            except SentinelError as error:
                answer = _read(error, call)
            if not isinstance(call.body, list) or answer.said is not _Said.REFUSED:
                break
        return answer

    async def _send(self, call: ApiCall) -> None:
        if call.method == "POST" and not isinstance(call.body, list):
            await self._writer.create(call.path, call.body)
            return
        body = bound(call.body, await self._reader.get(call.path))
        await self._writer.patch(call.path, body, content_type=call.content_type, field_manager=FIELD_MANAGER)


def _read(error: SentinelError, call: ApiCall) -> _Answer:
    """What a failure says of the request when it is sent in earnest."""
    words = str(error)
    if _NO_DRY_RUN in words or _is_unknown_to_it(error):
        return _Answer(_Said.UNKNOWN, words)
    if isinstance(error, Forbidden | Refused):
        return _Answer(_Said.REFUSED, words)
    if isinstance(error, NotFound) or (isinstance(error, Rejected) and error.status in (_CONFLICT, _GONE)):
        return _Answer(_Said.NOTHING)  # planned a moment ago: it changed since, which sending looks at again
    if isinstance(error, Rejected):
        return _Answer(_Said.REFUSED, words)
    budget = _BUDGET.search(words)
    if isinstance(error, Overloaded) and error.status == _TOO_MANY_REQUESTS and budget:
        return _Answer(_Said.BUDGET, f"{_pod_of(call)}: would wait for budget {budget[1]}")
    return _Answer(_Said.UNKNOWN, words, is_last=isinstance(error, Retryable))


def _is_unknown_to_it(error: SentinelError) -> bool:
    """Whether our credentials were not taken; not what an answer of another kind quotes."""
    _, _, told = str(error).partition(": ")
    return isinstance(error, Forbidden) and told.startswith(_UNKNOWN_TO_IT)


def _summed_up(answers: Sequence[_Answer], asked: int) -> DryRun:
    """The answers to as many of `asked` requests as were tried, as lines. Pure."""
    held = _few([answer.words for answer in answers if answer.said is _Said.BUDGET])
    unknown = [answer.words for answer in answers if answer.said is _Said.UNKNOWN]
    left = asked - len([answer for answer in answers if answer.said is not _Said.UNKNOWN])
    away = [f"dry run: {left} of {asked} requests could not be tried ({unknown[0]})"] if unknown else []
    refusals = tuple(answer.words for answer in answers if answer.said is _Said.REFUSED)
    return DryRun(refusals, (*held, *away))


def _few(lines: list[str]) -> list[str]:
    more = len(lines) - _SHOWN_MAX
    shown = [*lines[:_SHOWN_MAX], *([f"{more} more pods would wait too"] if more > 0 else [])]
    return [f"dry run: {line}" for line in shown]


def _pod_of(call: ApiCall) -> str:
    """``namespace/name`` in the path of an eviction."""
    parts = call.path.split("/")
    return f"{parts[-4]}/{parts[-2]}" if call.path.endswith("/eviction") else call.path
