"""The `deep_probe` source: asks the agent on a GPU node for its GPUs, and for probes of one that is suspected.

A probe changes nothing that lasts, but it takes time of the GPU: light ones take little of it and run beside a
workload; deep ones take all of it, so the node itself refuses them where anybody computes. Where no node agents are
configured the source offers no tools.
"""

from __future__ import annotations

import secrets
from collections.abc import Callable
from dataclasses import dataclass, replace

from gcm_sentinel.datasources.cluster_reads import NODE_ARGUMENT
from gcm_sentinel.datasources.context import SourceContext
from gcm_sentinel.datasources.node_gpus import beside, description_answer, find, looks_bad
from gcm_sentinel.datasources.probe_answer import answer
from gcm_sentinel.datasources.probe_choice import SUSPICIONS, Choice, choose
from gcm_sentinel.datasources.probe_runs import Trial, run_all
from gcm_sentinel.datasources.sentinel_gpus import plain
from gcm_sentinel.datasources.tool_calls import failed, node_name, of_error, text, texts, within
from gcm_sentinel.domain.errors import SentinelError
from gcm_sentinel.domain.evidence import ResultStatus, ToolResult
from gcm_sentinel.domain.node_agent import NodeDescription, NodeReadings, ProbePermission
from gcm_sentinel.domain.node_probes import NodeProbes
from gcm_sentinel.domain.protocols import Availability, Datasource, Scope
from gcm_sentinel.domain.transcript import ToolCall, ToolSpec

OFF = "no agents on GPU nodes are configured"
ENABLE = "Set GCM_SENTINEL_NODE_AGENT_ADDRESS to where sentinel-node listens, e.g. {node_ip}:9102"
_REACH = "Check that sentinel-node runs there and GCM_SENTINEL_NODE_AGENT_*; `gcm-sentinel doctor` says more"
_DEEP_OFF = (
    "deep probes are not allowed: they need GCM_SENTINEL_PROBES=deep and a mode other than recommend. Ask for a light"
    " one, or recommend the action probe-deep"
)
_SHARE = 0.85
"""Of the call's deadline: the rest is for the answer, so that what ran is told though a later probe took long."""
_SEED_BITS = 53
"""A seed has 64; these survive JSON readers that know doubles only."""

DESCRIBE = ToolSpec(
    "describe_gpu_node",
    "What the agent on a GPU node says of it: GPUs with UUID and index, which parts work and what others lack, which"
    " probes may run, who probes a GPU now.",
    {"type": "object", "properties": {"node_name": NODE_ARGUMENT}, "required": [], "additionalProperties": False},
)
PROBE = ToolSpec(
    "probe_gpu",
    "Run exact probes on one suspected GPU now and the same ones, with the same operands, on a GPU beside it: failing"
    " SMs with bits and offset, SMs that repeat over kinds, what was not answered. For suspicions of wrong computing or"
    " memory only; not for links, power, heat, driver or workload. Loads the GPU for seconds.",
    {
        "type": "object",
        "properties": {
            "node_name": NODE_ARGUMENT,
            "gpu": {"type": "string", "description": "UUID or index of one GPU."},
            "suspicion": {"type": "string", "enum": list(SUSPICIONS), "description": "Fault class or kind of probe."},
            "depth": {"type": "string", "enum": ["light", "deep"], "description": "deep needs an idle GPU; light."},
        },
        "required": ["gpu", "suspicion"],
        "additionalProperties": False,
    },
)


def build(context: SourceContext) -> Datasource:
    """The source over node agents; it says it is off where none are configured."""
    return DeepProbeSource(context)


def draw_seed() -> int:
    """Fresh operands for each call, so that a GPU is not probed with the same ones for ever."""
    return secrets.randbits(_SEED_BITS)


@dataclass(frozen=True, slots=True)
class _Asked:
    """What a call of `probe_gpu` asks for."""

    node: str
    gpu: tuple[str, ...]
    suspicion: str
    choice: Choice
    is_deep: bool
    suspects: frozenset[str]

    @property
    def query(self) -> str:
        """What is sent, but for the seed."""
        kinds, depth = ", ".join(map(str, self.choice.kinds)), "deep" if self.is_deep else "light"
        return f"RunProbe {depth} of {kinds} on GPU {plain(', '.join(self.gpu), 120)} of {self.node}"


class DeepProbeSource:
    """Probes on GPU nodes."""

    def __init__(self, context: SourceContext, seed: Callable[[], int] = draw_seed) -> None:
        self._probes: NodeProbes | None = context.node_probes
        self._readings: NodeReadings | None = context.node_readings
        self._may_ask = context.probes
        self._clock = context.clock
        self._deadline_s = context.call_timeout.total_seconds() * _SHARE
        self._seed = seed

    @property
    def name(self) -> str:
        """``deep_probe``."""
        return "deep_probe"

    async def is_available(self) -> Availability:
        """Whether agents are configured; each node has one of its own, so nobody is asked here."""
        if self._probes is None:
            return Availability(usable=False, reason=OFF, how_to_enable=ENABLE)
        return Availability(usable=True)

    def get_tools(self) -> tuple[ToolSpec, ...]:
        """`describe_gpu_node`, and `probe_gpu` where probes are not off; none without agents."""
        if self._probes is None:
            return ()
        return (DESCRIBE,) if self._may_ask is ProbePermission.OFF else (DESCRIBE, PROBE)

    def get_system_prompt_section(self) -> str:
        """How to read what it returns; nothing where it is off."""
        if self._probes is None:
            return ""
        return (
            "`probe_gpu` tells a GPU that computes wrongly from others, and only that: name the suspicion."
            " `fails_alone` on SMs that repeat over kinds is that GPU's; `fails_on_both` is the host, driver or probe."
            " A pass is weak evidence against; `no_answer`, error, timeout and not_run are no evidence at all."
        )

    async def execute(self, call: ToolCall, scope: Scope) -> ToolResult:
        """Ask the node's agent."""
        if self._probes is None:
            return ToolResult(ResultStatus.UNAVAILABLE, call.name, note=f"{OFF}. {ENABLE}")
        if call.name not in [tool.name for tool in self.get_tools()]:
            return failed(call.name, f"the deep_probe source has no tool {call.name!r} as it is set up")
        try:
            node = node_name(call, scope)
            asked = _asked(call, scope, node) if call.name == PROBE.name else None
        except ValueError as error:
            return failed(call.name, str(error))
        if asked is not None and asked.is_deep and self._may_ask is not ProbePermission.DEEP:
            return ToolResult(ResultStatus.UNAVAILABLE, asked.query, note=_DEEP_OFF)
        return await (self._probe(self._probes, asked) if asked else self._describe(self._probes, node))

    async def _describe(self, probes: NodeProbes, node: str) -> ToolResult:
        query = f"DescribeNode {node}"
        try:
            async with within(self._deadline_s, f"the agent on node {node}"):
                return description_answer(await probes.describe(node), self._may_ask, query)
        except SentinelError as error:
            return _plainly(of_error(query, error, enable=_REACH))

    async def _probe(self, probes: NodeProbes, asked: _Asked) -> ToolResult:
        ends_at = self._clock.monotonic() + self._deadline_s
        try:
            async with within(self._deadline_s, f"the agent on node {asked.node}"):
                described = await probes.describe(asked.node)
                suspect = find(described, asked.gpu)
                bad, doubt = await self._bad(described)
        except ValueError as error:
            return failed(asked.query, str(error))
        except SentinelError as error:
            return _plainly(of_error(asked.query, error, enable=_REACH))
        sibling = beside(described, suspect, asked.suspects, bad)
        trial = Trial(asked.node, suspect, sibling, asked.choice.kinds, asked.is_deep, self._seed(), doubt)
        trials = await run_all(probes, trial, self._clock, ends_at)
        compared = f", beside GPU {sibling.index}" if sibling else ""
        return answer(trial, asked.suspicion, asked.choice, trials, f"{asked.query}{compared}, seed {trial.seed}")

    async def _bad(self, described: NodeDescription) -> tuple[frozenset[str], str]:
        """The GPUs that the driver tells bad things of, and why it could not be asked."""
        if self._readings is None:
            return frozenset(), ""
        try:
            return looks_bad(await self._readings.telemetry(described.node)), ""
        except SentinelError as error:
            return frozenset(), f"The driver's readings are missing, so little is known of the GPU beside it: {error}"


def _asked(call: ToolCall, scope: Scope, node: str) -> _Asked:
    depth = text(call, "depth", "light")
    if depth not in ("light", "deep"):
        raise ValueError(f"'depth' must be light or deep, not {depth[:80]!r}")
    suspicion, marks = text(call, "suspicion"), texts(call, "gpu")
    if not marks:
        raise ValueError("probe_gpu needs the argument 'gpu': the UUID or index of one GPU")
    suspects = frozenset(trigger.gpu_uuid for trigger in scope.incident.triggers if trigger.gpu_uuid)
    return _Asked(node, marks, suspicion, choose(suspicion), depth == "deep", suspects)


def _plainly(result: ToolResult) -> ToolResult:
    """`result` with what the node said in it cut to one plain line."""
    return replace(result, note=plain(result.note, 900))
