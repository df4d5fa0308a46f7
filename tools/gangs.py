"""Whom it concerns when a pod leaves: its workload, and the pods of its gang on other nodes, which stop with it."""

from __future__ import annotations

from collections.abc import Iterable

from gcm_sentinel.clients.kubernetes import KubeObject
from gcm_sentinel.clients.kubernetes.workloads import Workload, workload_of
from gcm_sentinel.domain.remediation import Affected
from gcm_sentinel.tools import pods
from gcm_sentinel.tools.context import ClusterReader

_SHOWN_MAX = 16
"""Of a gang's pods elsewhere; the rest are counted."""


async def affected(cluster: ClusterReader, leaving: Iterable[KubeObject]) -> tuple[Affected, ...]:
    """What each pod belongs to; every gang is asked for once.

    Raises:
        SentinelError: the pods of a gang could not be listed.
    """
    elsewhere: dict[Workload, tuple[str, ...]] = {}
    found = []
    for pod in leaving:
        work = workload_of(pod)
        if work is not None and work.is_gang and work not in elsewhere:
            elsewhere[work] = await _elsewhere(cluster, work, pods.node_of(pod))
        title = work.title if work else f"Pod/{pods.full_name(pod).partition('/')[2]}"
        gang = elsewhere.get(work, ()) if work else ()
        found.append(Affected(pods.full_name(pod), title, pods.gpus(pod), gang))
    return tuple(found)


async def _elsewhere(cluster: ClusterReader, gang: Workload, node: str) -> tuple[str, ...]:
    """Its pods on other nodes, as ``namespace/name on node``; ended ones left out."""
    params = {"labelSelector": gang.selector} if gang.selector else None
    listed, _ = await cluster.list(f"/api/v1/namespaces/{gang.namespace}/pods", params)
    others = sorted(
        f"{pods.full_name(pod)} on {pods.node_of(pod)}"
        for pod in listed
        if pods.node_of(pod) not in ("", node) and not pods.finished(pod) and (gang.selector or gang.owns(pod))
    )
    more = len(others) - _SHOWN_MAX
    return (*others[:_SHOWN_MAX], f"and {more} more") if more > 0 else tuple(others)
