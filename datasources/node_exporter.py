"""The `node_exporter` source: a node's host metrics and its InfiniBand ports read directly.

A host that answers here is alive, whatever Kubernetes thinks of its kubelet. Counters are totals since boot: one
reading tells that something happened, not when; Prometheus tells when.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Sequence

from gcm_sentinel.datasources.context import SourceContext
from gcm_sentinel.datasources.exporter_pods import Exporter, Scrape, availability, holding, scrape, shown
from gcm_sentinel.datasources.exposition import Sample
from gcm_sentinel.datasources.tool_calls import as_json, failed, node_name, text
from gcm_sentinel.domain.entity import Entity, EntityKind
from gcm_sentinel.domain.entity import node as node_entity
from gcm_sentinel.domain.evidence import ResultStatus, ToolResult
from gcm_sentinel.domain.jsontypes import Json
from gcm_sentinel.domain.protocols import Availability, Datasource, Scope
from gcm_sentinel.domain.summaries import ExporterSummary
from gcm_sentinel.domain.transcript import ToolCall, ToolSpec

MAX_SAMPLES = 400
KEY_PREFIXES = (
    "node_boot_time_seconds",
    "node_time_seconds",
    "node_timex_offset_seconds",
    "node_timex_sync_status",
    "node_load",
    "node_procs_blocked",
    "node_procs_running",
    "node_memory_MemAvailable_bytes",
    "node_memory_MemTotal_bytes",
    "node_vmstat_oom_kill",
    "node_edac_",
    "node_pressure_",
    "node_systemd_unit_state",
    "node_filesystem_readonly",
    "node_filesystem_device_error",
    "node_filesystem_avail_bytes",
    "node_filesystem_size_bytes",
    "node_disk_io_time_seconds_total",
    "node_mountstats_nfs_",
    "node_hwmon_temp_celsius",
    "node_hwmon_fan",
    "node_hwmon_power",
    "node_pcidevice_current_link",
    "node_network_carrier_changes_total",
    "node_network_receive_errs_total",
    "node_network_transmit_errs_total",
    "node_infiniband_",
)
"""What is shown without a filter, in this order."""
_INFINIBAND = re.compile(r"infiniband|(?:^|_)ib_")
_NET_ERRORS = re.compile(r"node_network_(?:receive|transmit)_(?:errs|drop)")

EXPORTER = Exporter(
    "node-exporter",
    (
        "app.kubernetes.io/name=node-exporter",
        "app.kubernetes.io/name=prometheus-node-exporter",
        "app=node-exporter",
        "app=prometheus-node-exporter",
    ),
    9100,
)
_NODE: Json = {"type": "string", "description": "Exact node name."}
QUERY_HOST = ToolSpec(
    "query_node_exporter_direct",
    "Read the host metrics of a node directly, as they are now: boot time, clock offset, load, blocked processes,"
    " memory, host ECC, pressure, failed systemd units, file systems, disks, temperatures, fans, PCIe links, network.",
    {
        "type": "object",
        "properties": {
            "node_name": _NODE,
            "metric_filter": {
                "type": "string",
                "description": "Only metrics with this text in name or labels; left out: the key metrics.",
            },
        },
        "required": ["node_name"],
        "additionalProperties": False,
    },
)
QUERY_INFINIBAND = ToolSpec(
    "query_infiniband_direct",
    "Read the InfiniBand ports of a node directly: per port state, rate, link-down, symbol, recovery and receive"
    " errors, waiting (congestion). Falls back to network errors and drops where there is no InfiniBand.",
    {
        "type": "object",
        "properties": {"node_name": _NODE},
        "required": ["node_name"],
        "additionalProperties": False,
    },
)


def build(context: SourceContext) -> Datasource:
    """The direct host exporter source."""
    return NodeExporterSource(context)


class NodeExporterSource:
    """A node's node-exporter."""

    def __init__(self, context: SourceContext) -> None:
        self._kubernetes = context.kubernetes
        self._http = context.http
        self._deadline = context.call_timeout.total_seconds() / 2

    @property
    def name(self) -> str:
        """``node_exporter``."""
        return "node_exporter"

    async def is_available(self) -> Availability:
        """Usable where pods can be listed; whether a node has an exporter shows at the call."""
        return await availability(self._kubernetes)

    def get_tools(self) -> tuple[ToolSpec, ...]:
        """`query_node_exporter_direct` and `query_infiniband_direct`."""
        return (QUERY_HOST, QUERY_INFINIBAND)

    def get_system_prompt_section(self) -> str:
        """How to read what it returns."""
        return (
            "`query_node_exporter_direct` answers while the host lives, even when its kubelet is silent."
            " `query_infiniband_direct` gives port counters since boot: transmit_wait is congestion, not an error."
        )

    async def execute(self, call: ToolCall, scope: Scope) -> ToolResult:
        """Scrape the node's exporter."""
        choices = {QUERY_HOST.name: _host_samples, QUERY_INFINIBAND.name: _port_samples}
        if call.name not in choices:
            return failed(call.name, f"the node_exporter source has no tool {call.name!r}")
        try:
            node, word = node_name(call, scope), text(call, "metric_filter", "")
        except ValueError as error:
            return failed(call.name, str(error))
        found = await scrape(self._kubernetes, self._http, EXPORTER, node, self._deadline)
        return found if isinstance(found, ToolResult) else _result(node, word, found, choices[call.name])


def _result(node: str, word: str, page: Scrape, choose: Callable[[Sequence[Sample]], list[Sample]]) -> ToolResult:
    samples = [sample for sample in page.page.samples if math.isfinite(sample.value)]
    chosen = holding(samples, word) if word else choose(samples)
    summary = ExporterSummary(
        node=node, endpoint=page.endpoint, samples=shown(chosen, frozenset(), MAX_SAMPLES), samples_total=len(chosen)
    )
    note = f"{page.page.rejected} lines could not be read." if page.page.rejected else ""
    return ToolResult(
        ResultStatus.OK if chosen else ResultStatus.NO_DATA,
        f"GET {page.endpoint}" + (f" with {word!r}" if word else ""),
        as_json(summary),
        page.text,
        entities=(node_entity(node), *_ports(node, chosen)),
        note=note or ("" if chosen else "The exporter answers but has no such metric: absence, not zero."),
    )


def _host_samples(samples: Sequence[Sample]) -> list[Sample]:
    ranked = [(rank, sample) for sample in samples if (rank := _rank(sample)) is not None]
    return [sample for _, sample in sorted(ranked, key=lambda pair: pair[0])]


def _rank(sample: Sample) -> int | None:
    """Place of a sample in the key metrics; of a unit's states only the one it is in counts."""
    if sample.name == "node_systemd_unit_state" and sample.value != 1:
        return None
    return next((place for place, prefix in enumerate(KEY_PREFIXES) if sample.name.startswith(prefix)), None)


def _port_samples(samples: Sequence[Sample]) -> list[Sample]:
    ports = [sample for sample in samples if _INFINIBAND.search(sample.name)]
    return ports or [sample for sample in samples if _NET_ERRORS.search(sample.name)]


def _ports(node: str, samples: Sequence[Sample]) -> list[Entity]:
    devices = dict.fromkeys(
        sample.labels["device"] for sample in samples if "infiniband" in sample.name and sample.labels.get("device")
    )
    return [Entity(EntityKind.NIC, device, node=node) for device in devices]
