"""What `doctor` says of the agents on GPU nodes: whether one answers, what it lacks, and what our roles there allow.

One node is looked at, a ready one with GPUs, for all are reached alike. No probe runs: whether our role allows any is
seen from asking for one on a GPU that cannot be, which is refused for that only after our role was looked at. Nothing
is captured either: which checks there are is told to the same role that may read the log and capture evidence.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from datetime import timedelta

from gcm_sentinel.app.doctor_finding import Finding
from gcm_sentinel.clients.kubernetes import KubernetesClient
from gcm_sentinel.clients.kubernetes.objects import conditions, mapping, metadata, status, text
from gcm_sentinel.clients.node_agent import NodeAgents
from gcm_sentinel.domain.errors import Forbidden, NotFound, Overloaded, Rejected, SentinelError, Unreachable
from gcm_sentinel.domain.node_agent import NodeDescription, ProbePermission
from gcm_sentinel.domain.node_probes import ProbeKind, ProbeOrder

_AREA = "node agents"
_GPU = "nvidia.com/gpu"
_NOBODY = "GPU-00000000-0000-0000-0000-000000000000"
"""A UUID that no GPU has."""
_WITHIN_S = 15.0
_RANK = {ProbePermission.OFF: 0, ProbePermission.LIGHT: 1, ProbePermission.DEEP: 2}
_REACH = "check that sentinel-node runs there, GCM_SENTINEL_NODE_AGENT_ADDRESS and its CA_CERT"
_PARTS = "`sentinel-node doctor` there says what its parts need"
_READER = "give our certificate or token the role `reader` in sentinel-node's settings"
_ROLE = "give our certificate or token the role `prober` in sentinel-node's settings, or set GCM_SENTINEL_PROBES=off"


async def examine_node_agents(
    agents: NodeAgents | None, kubernetes: KubernetesClient, wanted: ProbePermission
) -> tuple[Finding, ...]:
    """Look at one of them; nothing where none are configured. `wanted`: the probes that may be asked for."""
    if agents is None:
        return ()
    try:
        async with asyncio.timeout(_WITHIN_S):
            node = await _gpu_node(kubernetes)
            if node is None:
                return (Finding(_AREA, "reach", ok=True, detail=f"not asked: no ready node tells {_GPU}"),)
            described = await agents.describe(node)
            readings = await _readings(agents, node)
            return (_reached(described), _parts(described), readings, await _probes(agents, described, wanted))
    except TimeoutError:
        return (_unreached(Unreachable(f"no answer within {_WITHIN_S:g} s")),)
    except SentinelError as error:
        return (_unreached(error),)


async def _gpu_node(kubernetes: KubernetesClient) -> str | None:
    found, _ = await kubernetes.list("/api/v1/nodes")
    names = [text(metadata(node).get("name")) for node in found if _has_gpus(node) and _is_ready(node)]
    return min(names, default=None)


def _has_gpus(node: Mapping[str, object]) -> bool:
    return mapping(status(node).get("capacity")).get(_GPU) not in (None, "", "0")


def _is_ready(node: Mapping[str, object]) -> bool:
    return any(one.get("type") == "Ready" and one.get("status") == "True" for one in conditions(node))


def _reached(described: NodeDescription) -> Finding:
    count = len(described.gpus)
    gpus = f"{count} GPU{'s' if count != 1 else ''}"
    return Finding(_AREA, "reach", ok=True, detail=f"{described.node} answers: {gpus}, {described.agent_version}")


def _unreached(error: SentinelError) -> Finding:
    return Finding(_AREA, "reach", ok=False, broken=True, detail=str(error), remedy=_REACH)


def _parts(described: NodeDescription) -> Finding:
    missing = [f"{part.name}: {part.missing}" for part in described.parts if part.missing]
    if not missing:
        return Finding(_AREA, "parts", ok=True, detail=f"all of {described.node} are there")
    detail = f"missing on {described.node}: {'; '.join(missing)}"
    return Finding(_AREA, "parts", ok=False, detail=detail, remedy=_PARTS)


async def _readings(agents: NodeAgents, node: str) -> Finding:
    try:
        await agents.diagnostics(node)
    except Forbidden as error:
        detail = f"its kernel log cannot be read, nor its evidence captured before a reset: {error}"
        return Finding(_AREA, "readings", ok=False, broken=True, detail=detail, remedy=_READER)
    except SentinelError as error:
        return Finding(_AREA, "readings", ok=False, detail=str(error), remedy=_PARTS)
    detail = f"kernel log and telemetry of {node} may be read, and its evidence captured before a reset"
    return Finding(_AREA, "readings", ok=True, detail=detail)


async def _probes(agents: NodeAgents, described: NodeDescription, wanted: ProbePermission) -> Finding:
    if wanted is ProbePermission.OFF:
        return Finding(_AREA, "probes", ok=True, detail="none are asked for: GCM_SENTINEL_PROBES=off")
    if _RANK.get(described.permission, 0) < _RANK[wanted]:
        detail = f"{described.node} lets {described.permission} run, and {wanted} is wanted here"
        remedy = f"set `probes: {wanted}` in sentinel-node's settings, or lower GCM_SENTINEL_PROBES"
        return Finding(_AREA, "probes", ok=False, detail=detail, remedy=remedy)
    order = ProbeOrder(ProbeKind.FMA, _NOBODY, deadline=timedelta(seconds=1))
    try:
        await agents.run_probe(described.node, order)
    except Forbidden as error:
        return Finding(_AREA, "probes", ok=False, broken=True, detail=str(error), remedy=_ROLE)
    except (NotFound, Rejected, Overloaded):
        return Finding(_AREA, "probes", ok=True, detail=f"{wanted} ones are allowed; none was run")
    except SentinelError as error:
        return Finding(_AREA, "probes", ok=False, detail=str(error), remedy=_REACH)
    return Finding(_AREA, "probes", ok=False, broken=True, detail="it ran a probe on a GPU that cannot be")
