"""What a data source is given when it is built: clients of the outside systems, a clock and its options.

A data source module offers ``build(context: SourceContext) -> Datasource`` and is registered by an entry point of the
group ``gcm_sentinel.datasources``; a third party's package uses the same door. Building does no I/O.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import timedelta

from gcm_sentinel.clients.http import HttpClient
from gcm_sentinel.clients.kubernetes import KubernetesClient
from gcm_sentinel.clients.prometheus import PrometheusClient
from gcm_sentinel.clients.sentinel import SentinelGateway
from gcm_sentinel.domain.history import IncidentHistory
from gcm_sentinel.domain.node_agent import NodeReadings, ProbePermission
from gcm_sentinel.domain.node_probes import NodeProbes
from gcm_sentinel.domain.protocols import Clock
from gcm_sentinel.domain.topology import DEFAULT_TOPOLOGY_LABELS

__all__ = ["DEFAULT_TOPOLOGY_LABELS", "SourceContext"]


@dataclass(frozen=True, slots=True)
class SourceContext:
    """Everything a data source may use; `None` clients are systems that are not configured."""

    kubernetes: KubernetesClient
    prometheus: PrometheusClient | None
    http: HttpClient
    clock: Clock
    alertmanager_url: str = ""
    watch_conditions: tuple[str, ...] = ()
    """Condition patterns the operator watches; they decide polarity for custom types."""
    topology_labels: Mapping[str, str] = field(default_factory=lambda: DEFAULT_TOPOLOGY_LABELS)
    call_timeout: timedelta = timedelta(seconds=15)
    loki_url: str = ""
    history: IncidentHistory | None = None
    """Earlier incidents of our own; None where no store of them is connected."""
    sentinel: SentinelGateway | None = None
    """GPU health by exact probes, and the audit ledger; None where no gateway is configured."""
    node_probes: NodeProbes | None = None
    """Agents on the GPU nodes, which run probes; None where none are configured."""
    node_readings: NodeReadings | None = None
    """The same agents, as readers of their machines."""
    probes: ProbePermission = ProbePermission.OFF
    """Which probes may be asked of them; each node has a bound of its own."""
