"""The `dcgm` source: the GPUs of a node read directly, for when Prometheus is down, behind or lacks a field.

The exporter is asked; where it does not answer, the node's own agent, if there are any, tells the same figures under
the same names. Where there are agents the source also offers their named checks.

Field names are matched in their classic and renamed spelling. What the exporter does not export is listed as absent:
many useful fields (ECC counters, remap-pending, NVLink errors) are off by default, and off is not zero.
"""

from __future__ import annotations

import asyncio
import math
from collections.abc import Sequence
from dataclasses import replace

from gcm_sentinel.datasources.context import SourceContext
from gcm_sentinel.datasources.exporter_pods import Exporter, Scrape, availability, holding, scrape, shown
from gcm_sentinel.datasources.exposition import Exposition, Sample
from gcm_sentinel.datasources.gpu_labels import SERIAL_LABELS, identity, named_gpu
from gcm_sentinel.datasources.gpu_overview import of_samples
from gcm_sentinel.datasources.gpu_panel import PANEL, compared
from gcm_sentinel.datasources.node_checks import CHECK, NAMES
from gcm_sentinel.datasources.node_checks import answer as checks_answer
from gcm_sentinel.datasources.node_telemetry import as_samples, doubts, identities, told
from gcm_sentinel.datasources.sentinel_gpus import plain
from gcm_sentinel.datasources.tool_calls import as_json, failed, node_name, text, within
from gcm_sentinel.domain.entity import Entity, EntityKind
from gcm_sentinel.domain.entity import node as node_entity
from gcm_sentinel.domain.errors import SentinelError
from gcm_sentinel.domain.evidence import ResultStatus, ToolResult
from gcm_sentinel.domain.node_agent import NodeDiagnosis, NodeReadings
from gcm_sentinel.domain.protocols import Availability, Datasource, Scope
from gcm_sentinel.domain.summaries import ExporterSummary, GpuIdentity
from gcm_sentinel.domain.transcript import ToolCall, ToolSpec

MAX_SAMPLES = 500
_CHECK_SHARE = 0.9
"""Of a call's deadline, for checks side by side: the rest is for the answer, so that what was checked is told."""
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
    """A node's dcgm-exporter, and its own agent in its place."""

    def __init__(self, context: SourceContext) -> None:
        self._kubernetes = context.kubernetes
        self._http = context.http
        self._agents = context.node_readings
        whole = context.call_timeout.total_seconds()
        self._deadline = whole / (2 if self._agents is None else 3)
        self._check_deadline = whole * _CHECK_SHARE

    @property
    def name(self) -> str:
        """``dcgm``."""
        return "dcgm"

    async def is_available(self) -> Availability:
        """Usable with node agents, or where pods can be listed; whether a node has an exporter shows at the call."""
        return Availability(usable=True) if self._agents is not None else await availability(self._kubernetes)

    def get_tools(self) -> tuple[ToolSpec, ...]:
        """`query_dcgm_direct`, and `check_gpu_node` where there are node agents."""
        return (QUERY,) if self._agents is None else (QUERY, CHECK)

    def get_system_prompt_section(self) -> str:
        """How to read what it returns."""
        return (
            "`query_dcgm_direct` is a snapshot of the GPU exporter. The gauge of the last Xid keeps its value until the"
            " exporter restarts, so it dates nothing; volatile ECC counters clear at a reset, aggregate ones never."
        )

    async def execute(self, call: ToolCall, scope: Scope) -> ToolResult:
        """Scrape the node's exporter, or have its agent look."""
        if call.name not in [tool.name for tool in self.get_tools()]:
            return failed(call.name, f"the dcgm source has no tool {call.name!r} as it is set up")
        try:
            node, word = node_name(call, scope), text(call, "metric_filter", "")
            check = text(call, "check", "")
        except ValueError as error:
            return failed(call.name, str(error))
        if self._agents is not None and call.name == CHECK.name:
            return await self._check(self._agents, node, check)
        found = await scrape(self._kubernetes, self._http, EXPORTER, node, self._deadline)
        if isinstance(found, Scrape):
            return _result(node, word, found)
        return found if self._agents is None else await self._instead(self._agents, node, word, found)

    async def _instead(self, agents: NodeReadings, node: str, word: str, dead: ToolResult) -> ToolResult:
        """What the node's agent tells in the place of an exporter that does not."""
        try:
            async with within(self._deadline, f"the agent on node {node}"):
                readings = await agents.telemetry(node)
        except SentinelError as error:
            return replace(dead, note=f"{dead.note}. The node's agent did not tell it either: {plain(str(error), 300)}")
        page = Scrape(f"ReadTelemetry {node}", Exposition(as_samples(readings)), told(readings))
        result = _result(node, word, page, identities(readings))
        words = [f"The exporter gave nothing ({dead.note}), so this is what the driver tells the node's agent."]
        return replace(
            result,
            status=ResultStatus.OK if readings and not word else result.status,
            query=f"{dead.query}, then {page.endpoint}" + (f" with {word!r}" if word else ""),
            note=" ".join([*words, *doubts(readings), *([] if readings else ["It lists no GPU."])]),
        )

    async def _check(self, agents: NodeReadings, node: str, check: str) -> ToolResult:
        if check and check not in NAMES:
            return failed(CHECK.name, f"'check' must be one of {', '.join(NAMES)}, not {check[:80]!r}")
        names = (check,) if check else NAMES
        async with asyncio.TaskGroup() as group:
            tasks = {name: group.create_task(self._one(agents, node, name)) for name in names}
        found = {name: task.result() for name, task in tasks.items()}
        return checks_answer(node, found, f"Diagnose {', '.join(names)} on {node}")

    async def _one(self, agents: NodeReadings, node: str, name: str) -> NodeDiagnosis | SentinelError:
        try:
            async with within(self._check_deadline, f"the agent on node {node}"):
                return await agents.diagnose(node, name)
        except SentinelError as error:
            return error


def _result(node: str, word: str, page: Scrape, more: Sequence[Sample] = ()) -> ToolResult:
    """What a page tells; `more` are samples that only name GPUs."""
    samples = [sample for sample in page.page.samples if math.isfinite(sample.value)]
    chosen = holding(samples, word) if word else _key(samples)
    gpus = _gpus([*samples, *more])
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
