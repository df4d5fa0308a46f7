"""Emptying a node: evictions one after the other, asked again where a budget refuses, until all are gone or time is up.

Everything between two recorded steps is a function of what they answered, so after a crash the same rounds come to the
same place: a pod that was evicted is terminating or gone, and is not evicted again. Where somebody else takes the node,
or gives it back, nothing more is sent.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from functools import partial

from gcm_sentinel.domain.acting_policy import ActingPolicy
from gcm_sentinel.domain.errors import NotFound, Permanent, Rejected, Retryable
from gcm_sentinel.domain.order import ApiCall, Order
from gcm_sentinel.domain.remediation import Hands
from gcm_sentinel.tools import pods
from gcm_sentinel.tools.context import ClusterReader
from gcm_sentinel.tools.drain_round import SEEN, Seen, Standing, look_at

_CONFLICT = 409
_TWO_BUDGETS = "more than one PodDisruptionBudget"
"""What the API server says of a pod it will never evict (kubernetes pkg/registry/core/pod/storage/eviction.go)."""
_FIRST_PAUSE_S, _LONGEST_PAUSE_S = 1.0, 30.0


@dataclass
class Progress:
    """How far emptying has come; a function of the recorded steps."""

    evicted: int = 0
    held: dict[str, str] = field(default_factory=dict)
    """Why a pod, by its UID, was not evicted when it was last tried."""
    given_up: set[str] = field(default_factory=set)
    """UIDs of those for which trying again is of no use."""


class Emptying:
    """Empties the node of one order."""

    def __init__(self, order: Order, hands: Hands, cluster: ClusterReader, policy: ActingPolicy) -> None:
        self._order = order
        self._hands = hands
        self._cluster = cluster
        self._policy = policy
        self.progress = Progress()

    async def look(self) -> Seen:
        """The node and its pods now, as a recorded step.

        Raises:
            SentinelError: they could not be read.
        """
        return await self._hands.look("node", partial(look_at, self._cluster, self._order, self._policy), SEEN)

    async def __call__(self, within: timedelta) -> Seen:
        """Evict what the order lists and wait until it is gone; what was seen last.

        Raises:
            Permanent: the node cannot be read.
            Retryable: it could not be read until the time was over.
        """
        waited_s, pause_s = 0.0, _FIRST_PAUSE_S
        while True:
            late = waited_s >= within.total_seconds()
            found = await self._look(late=late)
            if found is not None and (late or self._is_over(found)):
                return found
            if found is not None:
                await self._evict(found)
            await self._hands.pause(pause_s)
            waited_s, pause_s = waited_s + pause_s, min(pause_s * 2, _LONGEST_PAUSE_S)

    def _is_over(self, found: Seen) -> bool:
        return bool(found.kept_by) or not found.cordoned or found.left.keys() <= self.progress.given_up

    async def _look(self, *, late: bool) -> Seen | None:
        try:
            return await self.look()
        except Retryable:  # looked at again after the next pause, until the time is over
            if late:
                raise
            return None

    async def _evict(self, found: Seen) -> None:
        for call in due(self._order.calls, found.left, self.progress.given_up):
            await self._send(call, pods.evicts(call))

    async def _send(self, call: ApiCall, uid: str) -> None:
        """Evict one pod; what keeps it is noted, and is no failure of the others."""
        progress = self.progress
        try:
            await self._hands.send(call)
            progress.evicted += 1
            progress.held.pop(uid, None)
        except NotFound:
            progress.held.pop(uid, None)
        except Retryable as error:
            progress.held[uid] = str(error)
            if _TWO_BUDGETS in str(error):
                progress.given_up.add(uid)
        except Permanent as error:
            progress.held[uid] = str(error)
            if not isinstance(error, Rejected) or error.status != _CONFLICT:  # 409: it is another pod by now
                progress.given_up.add(uid)


def due(calls: Sequence[ApiCall], left: Mapping[str, Standing], given_up: set[str]) -> list[ApiCall]:
    """The evictions to send now, in order; a pod of ours only when no other is left to wait for. Pure."""
    waiting = {uid for uid, pod in left.items() if not pod.own and uid not in given_up}
    ready = {uid for uid, pod in left.items() if not pod.terminating and uid not in given_up}
    return [call for call in calls if (uid := pods.evicts(call)) in ready and (not left[uid].own or not waiting)]


def leftovers(found: Seen, progress: Progress) -> tuple[str, ...]:
    """What is still there and why, one line each. Pure."""
    return (*(f"{pod.name}: {_why(uid, pod, found, progress)}" for uid, pod in found.left.items()), *found.others)


def _why(uid: str, pod: Standing, found: Seen, progress: Progress) -> str:
    if found.kept_by:
        return f"the node is kept by {found.kept_by} now"
    if not found.cordoned:
        return "the node was given back meanwhile"
    if pod.terminating:
        return "it was told to end and has not ended"
    if uid not in progress.held and pod.own:
        return "it is ours and goes after all others"
    return progress.held.get(uid, "there was no time left for it")
