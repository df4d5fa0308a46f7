"""The `node_agents` part of a scenario: where agents run, what they let others do, and what they lack.

What the silicon does wrong is told by the same facts as in the `sentinel` part: `fail`, `timeout` and `error`.
"""

from __future__ import annotations

from typing import Annotated, Literal, get_args

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field

from sentinel_fleet.facts import Nodes, Text
from sentinel_fleet.sentinel.facts import ErrorFact, FailFact, ProbeFact, TimeoutFact

Permission = Literal["off", "light", "deep"]
PartName = Literal["probes", "telemetry", "kernel_log", "diagnostics", "processes"]
PARTS: tuple[PartName, ...] = get_args(PartName)
"""In the order in which an agent lists them."""


def _as_list(value: object) -> object:
    return [value] if isinstance(value, str) else value


class _Part(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)


class Lack(_Part):
    """Parts of the service that do not work on some nodes, and the agent's words for it."""

    node: Nodes
    parts: Annotated[list[PartName], BeforeValidator(_as_list), Field(min_length=1)]
    missing: Text = "it is not set up on this node"


class NodeAgentsPart(_Part):
    """The whole part but its facts."""

    nodes: Nodes | None = None
    probes: Permission = "light"
    version: Text = "1.0.0"
    lacks: list[Lack] = []


NODE_AGENT_FACTS: dict[str, type[ProbeFact]] = {model.kind: model for model in (FailFact, TimeoutFact, ErrorFact)}
