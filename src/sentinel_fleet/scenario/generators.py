"""The arguments of each draw generator, as the file writes them."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, model_validator

from sentinel_fleet.baseline.fleet import Seconds
from sentinel_fleet.baseline.words import WordKind
from sentinel_fleet.baseline.workload import WorkloadKind

Same = Literal["same", "different", "any"]


def _as_list(value: object) -> object:
    return [value] if isinstance(value, str | int) and not isinstance(value, bool) else value


References = Annotated[list[str | int], BeforeValidator(_as_list)]
"""Names of earlier draws, or node names, or GPU indices."""


class _Arguments(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, strict=True, populate_by_name=True)


class NodeDraw(_Arguments):
    """One node."""

    rack: str | None = None
    exclude: References = Field([], alias="not")


class NodesDraw(_Arguments):
    """Several nodes."""

    count: int | Literal["all"]
    rack: str = "any"
    leaf: Same = "any"
    power_feed: Same = "any"
    anchor: str | None = Field(None, alias="as")
    exclude: References = Field([], alias="not")

    @model_validator(mode="after")
    def _relative(self) -> NodesDraw:
        relative = {self.rack, self.leaf, self.power_feed} & {"same", "different"}
        if relative and self.anchor is None:
            raise ValueError("`same` and `different` need `as: <node>`")
        return self


class GpuDraw(_Arguments):
    """One GPU of a node."""

    of: str
    exclude: References = Field([], alias="not")


class NicDraw(_Arguments):
    """One NIC of a node."""

    of: str
    exclude: References = Field([], alias="not")


class IntDraw(_Arguments):
    """A whole number."""

    low: int = Field(alias="from")
    high: int = Field(alias="to")


class FloatDraw(_Arguments):
    """A number."""

    low: float = Field(alias="from")
    high: float = Field(alias="to")
    digits: int = Field(2, ge=0, le=9)


class DurationDraw(_Arguments):
    """A duration, whole seconds (milliseconds below ten seconds)."""

    low: Seconds = Field(alias="from")
    high: Seconds = Field(alias="to")


class WordDraw(_Arguments):
    """A plausible name."""

    kind: WordKind


class PidDraw(_Arguments):
    """A process id."""


class HexDraw(_Arguments):
    """Hexadecimal digits."""

    digits: int = Field(8, ge=1, le=64)


class WorkloadDraw(_Arguments):
    """A workload that is created in the world."""

    on: References
    kind: WorkloadKind = "Job"
    gpus: int = Field(8, ge=0, le=16)
    gpu: References = []
    namespace: str | None = None
    name: str | None = None
    image: str | None = None
    user: str | None = None
    age: Seconds | None = None
    ended: Seconds | None = None
    outcome: Literal["Succeeded", "Failed"] = "Succeeded"

    @model_validator(mode="after")
    def _in_order(self) -> WorkloadDraw:
        if self.age is not None and self.ended is not None and self.ended >= self.age:
            raise ValueError("`ended` must be smaller than `age`: both count back from T0")
        if not self.on:
            raise ValueError("`on` names no node")
        return self


class DaemonSetPodDraw(_Arguments):
    """The pod of a DaemonSet on a node."""

    of: str
    on: str


class GenericChoice(_Arguments):
    """One of a list."""

    options: list[Any] = Field(min_length=1)


GENERATORS: dict[str, type[_Arguments]] = {
    "node": NodeDraw,
    "nodes": NodesDraw,
    "gpu": GpuDraw,
    "nic": NicDraw,
    "int": IntDraw,
    "float": FloatDraw,
    "duration": DurationDraw,
    "choice": GenericChoice,
    "word": WordDraw,
    "pid": PidDraw,
    "hex": HexDraw,
    "workload": WorkloadDraw,
    "daemonset_pod": DaemonSetPodDraw,
}
FREE = frozenset({"int", "float", "duration", "choice", "word", "pid", "hex"})
"""Generators that do not need the fleet: `fleet` itself may use what they draw."""
