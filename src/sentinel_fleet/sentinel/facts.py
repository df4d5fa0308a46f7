"""The `sentinel` part of a scenario: who reports to the gateway, and what is found, noticed, ordered and forged.

The models follow `sentinel_fleet.facts`: strict, names checked against the world, times in seconds relative to T0.
"""

from __future__ import annotations

from typing import Annotated, ClassVar, Literal, get_args

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, model_validator

from sentinel_fleet.baseline.fleet import ModelName, Seconds
from sentinel_fleet.facts import Fact, GpuIndex, Gpus, NodeName, Nodes, Text

ProbeName = Literal["FMA", "TENSOR_CORE", "TRANSCENDENTAL", "AES", "MEMORY", "REGISTER_FILE", "SHARED_MEMORY"]
PROBES: tuple[ProbeName, ...] = get_args(ProbeName)
AnomalyName = Literal[
    "LOGIT_DRIFT", "ENTROPY_ANOMALY", "KL_DIVERGENCE", "GRADIENT_NORM_SPIKE", "LOSS_SPIKE", "CROSS_RANK_DIVERGENCE",
    "CHECKPOINT_DIVERGENCE", "INVARIANT_VIOLATION",
]  # fmt: skip
ActionName = Literal["QUARANTINE", "REINSTATE", "CONDEMN", "SCHEDULE_DEEP_TEST"]
SeverityName = Literal["INFO", "WARNING", "HIGH", "CRITICAL"]


def _as_list(value: object) -> object:
    return [value] if isinstance(value, str | int) and not isinstance(value, bool) else value


_WATCHED_S = 900.0
Sms = Annotated[list[Annotated[int, Field(ge=0, le=200)]], BeforeValidator(_as_list), Field(min_length=1)]
ProbeNames = Annotated[list[ProbeName], BeforeValidator(_as_list), Field(min_length=1)]


class _Part(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)


class ProbeFact(Fact):
    """Executions of probes that do not pass; from `at` until `until`."""

    outcome: ClassVar[str]

    node: Nodes
    gpu: Gpus | None = None
    sm: Sms | None = None
    probes: ProbeNames = list(PROBES)
    until: Seconds = 0.0
    share: float | None = Field(None, gt=0.0, le=1.0)
    times: int | None = Field(None, ge=1)
    above: float | None = None
    bit: int = Field(19, ge=0, le=31)

    @model_validator(mode="after")
    def _how_often(self) -> ProbeFact:
        if (self.share is None) == (self.times is None):
            raise ValueError("expected exactly one of `share` and `times`")
        if self.at >= self.until:
            raise ValueError("`at` must lie before `until`")
        return self


class FailFact(ProbeFact):
    """Probes that computed something wrong."""

    kind = "fail"
    outcome = "FAIL"


class TimeoutFact(ProbeFact):
    """Probes that did not end in time."""

    kind = "timeout"
    outcome = "TIMEOUT"


class ErrorFact(ProbeFact):
    """Probes that could not run."""

    kind = "error"
    outcome = "ERROR"


class AnomalyFact(Fact):
    """What monitors noticed."""

    kind = "anomaly"
    node: Nodes
    gpu: Gpus | None = None
    type: AnomalyName
    count: int = Field(1, ge=1, le=1000)
    over: Seconds = Field(0.0, ge=0.0)
    severity: SeverityName = "HIGH"
    score: float = 6.0
    threshold: float = 4.0
    details: str = ""
    layer: str = ""
    model: str = ""
    step: int = Field(0, ge=0)


Corruption = Literal[
    "shifted_logits", "flat_logits", "coarse_logits", "nan_logits",
    "huge_gradient", "wrong_loss", "diverged_weights", "nan_gradient",
]  # fmt: skip


class CorruptsFact(Fact):
    """A GPU spoils what it computes for a workload; monitors watch all GPUs of its node and report what they detect.

    Unlike `anomaly`, which states a report, this leaves the report to the detectors (`monitors`)."""

    kind = "corrupts"
    node: NodeName
    gpu: Gpus
    what: Corruption
    until: Seconds = 0.0
    model: str = ""

    @model_validator(mode="after")
    def _how_long(self) -> CorruptsFact:
        if not 0 < self.until - self.at <= _WATCHED_S:
            raise ValueError("`at` must lie before `until`, by 15 minutes at most")
        return self


Member = tuple[NodeName, GpuIndex]
Triple = Annotated[
    list[Annotated[Member, BeforeValidator(lambda value: tuple(value) if isinstance(value, list) else value)]],
    Field(min_length=3, max_length=3),
]


class CanaryFact(Fact):
    """The same work on three GPUs, `times` times in a row; `odd` is the place of the one that differs."""

    kind = "canary"
    gpus: Triple
    odd: Literal[0, 1, 2] | None = None
    times: int = Field(1, ge=1, le=1000)
    every: Seconds = Field(600.0, gt=0.0)


class DirectiveFact(Fact):
    """Somebody orders something. The gateway stamps it with its own time: only its place among the others is played."""

    kind = "directive"
    node: NodeName
    gpu: GpuIndex
    action: ActionName
    by: Text
    reason: Text


class RecordFact(Fact):
    """Entries that a person or a program puts into the ledger: a roll-out of probe agents, say; `times` of them."""

    kind = "record"
    event: Text
    by: Text
    fields: dict[str, str] = {}
    times: int = Field(1, ge=1, le=2000)
    every: Seconds = Field(1.0, gt=0.0)


class TamperFact(Fact):
    """Somebody with access to the database hides that a GPU was quarantined, while the gateway is down for a moment."""

    kind = "tamper"
    node: NodeName
    gpu: GpuIndex
    how: Literal["rewritten", "removed"] = "rewritten"


class CrashFact(Fact):
    """The gateway is killed, and so many entries stand in its ledger without a signed tree head."""

    kind = "crash"
    unsealed: int = Field(2, ge=1, le=100)


SentinelFact = (
    FailFact
    | TimeoutFact
    | ErrorFact
    | AnomalyFact
    | CorruptsFact
    | CanaryFact
    | DirectiveFact
    | RecordFact
    | TamperFact
    | CrashFact
)
SENTINEL_FACTS: dict[str, type[SentinelFact]] = {
    model.kind: model
    for model in (
        FailFact, TimeoutFact, ErrorFact, AnomalyFact, CorruptsFact, CanaryFact, DirectiveFact, RecordFact, TamperFact,
        CrashFact,
    )
}  # fmt: skip


class Versions(_Part):
    """What the agents of some nodes say their GPUs are; what is left out is as everywhere."""

    node: Nodes
    model: ModelName | None = None
    driver: str | None = None
    firmware: str | None = None


class SentinelPart(_Part):
    """The whole part but its facts."""

    since: Seconds = Field(2 * 3600.0, gt=0.0, le=23 * 3600.0)
    nodes: Nodes | None = None
    closely: Nodes | None = None
    versions: list[Versions] = []
