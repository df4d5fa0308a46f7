"""The mode's guard in front of probes that take all of a GPU, as guarded.py is for Kubernetes.

The source `deep_probe` asks for probes of its own and does not come by here: what a read may ask for is bounded by the
operator's setting and the nodes' own. What comes by here is an order, and counts as a remediation.
"""

from __future__ import annotations

import structlog

from gcm_sentinel.domain.deep_probing import PROBE, call_of
from gcm_sentinel.domain.effects import effect_of
from gcm_sentinel.domain.errors import Refused
from gcm_sentinel.domain.modes import Mode, permits
from gcm_sentinel.domain.node_agent import NodeDescription
from gcm_sentinel.domain.node_probes import Follower, NodeProbes, ProbeOrder, ProbeRun, nobody

log = structlog.get_logger(__name__)


class GuardedProbes:
    """`NodeProbes` that run only what `mode` permits."""

    def __init__(self, agents: NodeProbes, mode: Mode) -> None:
        self._agents = agents
        self._mode = mode

    async def describe(self, node: str) -> NodeDescription:
        """The node; that reads only."""
        return await self._agents.describe(node)

    async def run_probe(self, node: str, order: ProbeOrder, follow: Follower = nobody) -> ProbeRun:
        """Run one to its end.

        Raises:
            Refused: the mode does not permit it.
            SentinelError: as the node's agent answered.
        """
        call = call_of(node, order)
        decision = permits(self._mode, effect_of(PROBE, call.path, None))
        if not decision.allowed:
            log.warning("write.refused", method=PROBE, path=call.path, node=node, reason=decision.reason)
            raise Refused(f"{call.path} on {node} was not called: {decision.reason}")
        return await self._agents.run_probe(node, order, follow)
