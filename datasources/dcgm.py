"""The `dcgm` source: the GPU exporter of a node read directly, for when Prometheus is down, behind or lacks a field.

Field names are matched in their classic and renamed spelling. What the exporter does not export is listed as absent:
many useful fields (ECC counters, remap-pending, NVLink errors) are off by default, and off is not zero.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

from gcm_sentinel.datasources.context import SourceContext
from gcm_sentinel.datasources.exporter_pods import Exporter, Scrape, availability, holding, scrape, shown
from gcm_sentinel.datasources.exposition import Sample
from gcm_sentinel.datasources.gpu_labels import SERIAL_LABELS, identity, named_gpu
from gcm_sentinel.datasources.gpu_overview import of_samples
from gcm_sentinel.datasources.gpu_panel import PANEL, compared
from gcm_sentinel.datasources.tool_calls import as_json, failed, node_name, text
from gcm_sentinel.domain.entity import Entity, EntityKind
from gcm_sentinel.domain.entity import node as node_entity
from gcm_sentinel.domain.evidence import ResultStatus, ToolResult
from gcm_sentinel.domain.protocols import Availability, Datasource, Scope
from gcm_sentinel.domain.summaries import ExporterSummary, GpuIdentity
from gcm_sentinel.domain.transcript import ToolCall, ToolSpec

MAX_SAMPLES = 500
KEY_METRICS = (
    *PANEL,
    "DCGM_FI_DEV_RETIRED_SBE",
    "DCGM_FI_DEV_RETIRED_DBE",
    "DCGM_FI_DEV_RETIRED_PENDING",
    "DCGM_FI_DEV_PSTATE",
    "DCGM_EXP_XID_ERRORS_COUNT",
    "DCGM_EXP_GPU_HEALTH_STATUS",
)
"""What is shown without a filter."""
_IDENTITY_LABELS = frozenset(
    {"UUID", "pci_bus_id", "device", "modelName", "Hostname", "DCGM_FI_DRIVER_VERSION", *SERIAL_LABELS}
)

EXPORTER = Exporter(
    "dcgm-exporter", ("app.kubernetes.io/name=dcgm-exporter", "app=nvidia-dcgm-exporter", "app=dcgm-exporter"), 9400
)
QUERY = ToolSpec(
    "query_dcgm_direct",
    "Read the GPU exporter on a node directly, as it is now: temperatures, power, clocks, ECC, row remaps, PCIe link"
    " and replays, NVLink errors, clock event reasons, last Xid, recovery action, which GPU is which (index, UUID, PCI)"
    " and which pod holds it. `absent` lists metrics it does not export: not the same as zero.",
    {
        "type": "object",
        "properties": {
            "node_name": {"type": "string", "description": "Exact node name."},
            "metric_filter": {
                "type": "string",
                "description": "Only metrics with this text in name or labels; left out: the key metrics.",
            },
        },
        "required": ["node_name"],
        "additionalProperties": False,
    },
)


def build(context: SourceContext) -> Datasource:
    """The direct GPU exporter source."""
    return DcgmSource(context)


class DcgmSource:
    """A node's dcgm-exporter."""

    def __init__(self, context: SourceContext) -> None:
        self._kubernetes = context.kubernetes
        self._http = context.http
        self._deadline = context.call_timeout.total_seconds() / 2

    @property
    def name(self) -> str:
        """``dcgm``."""
        return "dcgm"

    async def is_available(self) -> Availability:
        """Usable where pods can be listed; whether a node has an exporter shows at the call."""
        return await availability(self._kubernetes)

    def get_tools(self) -> tuple[ToolSpec, ...]:
        """`query_dcgm_direct`."""
        return (QUERY,)

    def get_system_prompt_section(self) -> str:
        """How to read what it returns."""
        return (
            "`query_dcgm_direct` is a snapshot of the GPU exporter. The gauge of the last Xid keeps its value until the"
            " exporter restarts, so it dates nothing; volatile ECC counters clear at a reset, aggregate ones never."
        )

    async def execute(self, call: ToolCall, scope: Scope) -> ToolResult:
        """Scrape the node's exporter."""
        if call.name != QUERY.name:
            return failed(call.name, f"the dcgm source has no tool {call.name!r}")
        try:
            node, word = node_name(call, scope), text(call, "metric_filter", "")
        except ValueError as error:
            return failed(call.name, str(error))
        found = await scrape(self._kubernetes, self._http, EXPORTER, node, self._deadline)
        return found if isinstance(found, ToolResult) else _result(node, word, found)


def _result(node: str, word: str, page: Scrape) -> ToolResult:
    samples = [sample for sample in page.page.samples if math.isfinite(sample.value)]
    chosen = holding(samples, word) if word else _key(samples)
    gpus = _gpus(samples)
    exported = {sample.name for sample in samples}
    told = shown(chosen, _IDENTITY_LABELS, MAX_SAMPLES)
    absent = [name for name in PANEL if not exported & {*compared(name).spellings}]
    summary = ExporterSummary(
        node=node,
        endpoint=page.endpoint,
        overview=of_samples(gpus, told, absent),
        samples=told,
        samples_total=len(chosen),
        gpus=gpus,
        driver_version=next((v for s in samples if (v := s.labels.get("DCGM_FI_DRIVER_VERSION"))), None),
        absent=absent,
    )
    note = f"{page.page.rejected} lines could not be read." if page.page.rejected else ""
    return ToolResult(
        ResultStatus.OK if chosen else ResultStatus.NO_DATA,
        f"GET {page.endpoint}" + (f" with {word!r}" if word else ""),
        as_json(summary),
        page.text,
        entities=_entities(node, gpus),
        note=note or ("" if chosen else "The exporter answers but has no such metric: absence, not zero."),
    )


def _key(samples: Sequence[Sample]) -> list[Sample]:
    order = {name: place for place, key in enumerate(KEY_METRICS) for name in compared(key).spellings}
    return sorted((sample for sample in samples if sample.name in order), key=lambda sample: order[sample.name])


def _gpus(samples: Sequence[Sample]) -> list[GpuIdentity]:
    found: dict[int, GpuIdentity] = {}
    for sample in samples:
        known = identity(sample.labels)
        if known is not None and (known["index"] not in found or known.get("pod")):
            found[known["index"]] = known
    return [found[index] for index in sorted(found)]


def _entities(node: str, gpus: Sequence[GpuIdentity]) -> tuple[Entity, ...]:
    pods = dict.fromkeys(pod for known in gpus if (pod := known.get("pod")))
    return (
        node_entity(node),
        *(named_gpu(node, known) for known in gpus),
        *(Entity(EntityKind.POD, pod, node=node) for pod in pods),
    )
