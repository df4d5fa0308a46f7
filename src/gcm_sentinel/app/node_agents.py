"""The agents on GPU nodes as the settings name them: where they are, who we are to them, and what may be asked."""

from __future__ import annotations

import ipaddress
from datetime import timedelta

from gcm_sentinel.app.settings import Settings
from gcm_sentinel.clients.kubernetes import KubernetesClient
from gcm_sentinel.clients.kubernetes.objects import objects, status, text
from gcm_sentinel.clients.node_agent import NodeAgents
from gcm_sentinel.clients.node_agent_access import IpOf, NodeAccess
from gcm_sentinel.datasources.node_evidence import WITHIN, NodeEvidenceSource
from gcm_sentinel.domain.errors import BadResponse
from gcm_sentinel.domain.modes import Mode
from gcm_sentinel.domain.node_agent import ProbePermission
from gcm_sentinel.domain.protocols import Clock, Datasource

CAPTURE_TIMEOUT = WITHIN + timedelta(seconds=10)
"""Of one call while evidence is captured: sources that only read keep the shorter limits of their own."""


def node_agents(settings: Settings, kubernetes: KubernetesClient) -> NodeAgents | None:
    """The client of them, which connects at each call; None where none are configured.

    Raises:
        BadConfiguration: its settings contradict each other, or name files that cannot be read.
    """
    if not settings.node_agent_address:
        return None
    access = NodeAccess(
        address=settings.node_agent_address,
        ca_cert=settings.node_agent_ca_cert,
        client_cert=settings.node_agent_client_cert,
        client_key=settings.node_agent_client_key,
        server_name=settings.node_agent_server_name,
        token=settings.node_agent_token.get_secret_value(),
        ip_of=internal_ip(kubernetes),
    )
    access.check()
    return NodeAgents(access)


def capturing(agents: NodeAgents | None, clock: Clock) -> tuple[Datasource, ...]:
    """What only the capture before an action asks, beside the sources that an engine has."""
    return (NodeEvidenceSource(agents, clock),) if agents else ()


def probes_allowed(settings: Settings) -> ProbePermission:
    """Which probes may be asked; where the agent only recommends, it takes no GPU for itself: light ones at most."""
    asked = ProbePermission(settings.probes)
    if asked is ProbePermission.DEEP and settings.action_mode is Mode.RECOMMEND:
        return ProbePermission.LIGHT
    return asked


def internal_ip(kubernetes: KubernetesClient) -> IpOf:
    """Looks up a node's address as its kubelet told it."""

    async def ip_of(node: str) -> str:
        found = status(await kubernetes.get(f"/api/v1/nodes/{node}"))
        told = [text(one.get("address")) for one in objects(found.get("addresses")) if one.get("type") == "InternalIP"]
        if not told:
            raise BadResponse(f"Kubernetes tells no InternalIP of node {node!r}")
        try:
            return str(ipaddress.ip_address(told[0]))
        except ValueError as error:
            raise BadResponse(f"the InternalIP of node {node!r} is none: {told[0]!r:.80}") from error

    return ip_of
