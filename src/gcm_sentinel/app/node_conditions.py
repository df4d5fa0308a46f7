"""Which conditions of one node are bad right now, read once and outside the watch.

For `investigate NODE`, and for a trigger that had to wait: what was bad an hour ago may be well again, or gone.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from urllib.parse import quote

from gcm_sentinel.clients.kubernetes import KubeObject, KubernetesClient, conditions
from gcm_sentinel.clients.kubernetes.objects import text
from gcm_sentinel.domain.conditions import has_known_polarity
from gcm_sentinel.domain.trigger import Trigger
from gcm_sentinel.watch.observed import diff


async def bad_conditions(
    kubernetes: KubernetesClient, node: str, patterns: Sequence[str], now: datetime
) -> tuple[Trigger, ...]:
    """The bad conditions of `node` as triggers: those `patterns` cover and those whose polarity is known anyway.

    Raises:
        NotFound: there is no such node.
        SentinelError: the node cannot be read.
    """
    return of_node(await kubernetes.get(f"/api/v1/nodes/{quote(node, safe='')}"), patterns, now)


def of_node(found: KubeObject, patterns: Sequence[str], now: datetime) -> tuple[Trigger, ...]:
    """The same for a node object that was read already."""
    types = (text(condition.get("type")) for condition in conditions(found))
    known = tuple(type_ for type_ in types if has_known_polarity(type_))
    return diff(None, found, patterns=(*patterns, *known), now=now).triggers
