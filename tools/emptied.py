"""Whether a node may lose what runs on it: kept from new pods by us, and with nothing left that a drain would move.

Asked when a reset or a reboot is planned, and again in the step that sends the request: a drain may still be under way
by then, or a pod have come. A node that is not Ready takes no pods and cannot end those that were told to, so there a
reboot needs no cordon and does not wait for pods whose grace is over.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from gcm_sentinel.clients.kubernetes import KubeObject, conditions, metadata
from gcm_sentinel.clients.kubernetes.marks import marks_of
from gcm_sentinel.clients.kubernetes.objects import text
from gcm_sentinel.domain.jsontypes import JsonObject
from gcm_sentinel.domain.ownership import FIELD_MANAGER
from gcm_sentinel.tools import pods
from gcm_sentinel.tools.context import ToolContext
from gcm_sentinel.tools.leaving import stay_of

_SHOWN_MAX = 5


class Emptied:
    """Looks whether a node has been emptied."""

    def __init__(self, context: ToolContext) -> None:
        self._context = context

    async def for_reset(self, found: JsonObject) -> str:
        """Why no GPU of the node, as it was `found`, may be reset now; empty where one may.

        Raises:
            SentinelError: its pods could not be listed.
        """
        node = dict(found)
        users = [pods.full_name(pod) for pod in await self._there(node) if pods.holds_gpu(pod)]
        return _drain_first(_name(node), users, "pods with GPUs run") or _takes_pods(node)

    async def for_reboot(self, found: JsonObject) -> str:
        """Why the node, as it was `found`, may not be rebooted now; empty where it may.

        Raises:
            SentinelError: its pods could not be listed.
        """
        node = dict(found)
        silent = not _is_ready(node)
        now = self._context.clock.now()
        there = [pod for pod in await self._there(node) if not (silent and _grace_over(pod, now))]
        lost = [f"{pods.full_name(pod)}{why}" for pod in there if (why := self._loss(pod)) is not None]
        return _drain_first(_name(node), lost, "pods run") or ("" if silent else _takes_pods(node))

    async def _there(self, node: KubeObject) -> Sequence[KubeObject]:
        return await pods.on_node(self._context.cluster, _name(node))

    def _loss(self, pod: KubeObject) -> str | None:
        """What is said of a pod that a reboot would stop; None where it may stop: it has ended, or belongs there."""
        stay = stay_of(pod, self._context.policy)
        if stay is None:
            return ""
        if not stay.spared:
            return f": {stay.reason}, so a person has to see to it"
        return "" if pods.holds_gpu(pod) and pods.owned_by(pod, "DaemonSet") is None else None


def _drain_first(name: str, lost: Sequence[str], what: str) -> str:
    more = f" and {len(lost) - _SHOWN_MAX} more" if len(lost) > _SHOWN_MAX else ""
    return f"drain first: {len(lost)} {what} on {name} ({', '.join(lost[:_SHOWN_MAX])}{more})" if lost else ""


def _takes_pods(node: KubeObject) -> str:
    marks = marks_of(node)
    ours = marks.unschedulable and marks.cordoned_by == FIELD_MANAGER
    return "" if ours else f"drain first: node {_name(node)} is not cordoned by us, and new pods may come"


def _is_ready(node: KubeObject) -> bool:
    return any(one.get("type") == "Ready" and one.get("status") == "True" for one in conditions(node))


def _grace_over(pod: KubeObject, now: datetime) -> bool:
    """Whether it was told to end and should have: `deletionTimestamp` is when its grace period ends."""
    until = text(metadata(pod).get("deletionTimestamp"))
    return bool(until) and datetime.fromisoformat(until) <= now


def _name(node: KubeObject) -> str:
    return text(metadata(node).get("name"))
