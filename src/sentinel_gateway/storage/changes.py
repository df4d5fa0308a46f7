"""Everything one transaction of the core writes, and what it must look up before it decides."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from sentinel_gateway.domain.acquittals import Acquittal
from sentinel_gateway.domain.alerts import AlertChanges
from sentinel_gateway.domain.batches import BatchKey, Source
from sentinel_gateway.domain.configuration import ComponentState, VersionedUpdate
from sentinel_gateway.domain.directives import DirectiveNews, DirectiveRecord
from sentinel_gateway.domain.faults import Fault
from sentinel_gateway.domain.gpus import GpuState
from sentinel_gateway.domain.happened import Happened
from sentinel_gateway.domain.history import Correlation, ReliabilitySample, StateTransition
from sentinel_gateway.domain.sightings import Sighted
from sentinel_gateway.domain.telemetry import LatestTelemetry
from sentinel_gateway.domain.tmr import OpenCanary, TmrVerdict
from sentinel_gateway.domain.trust import Edge, Pair


@dataclass(frozen=True, slots=True)
class Canary:
    """A TMR round that was counted."""

    verdict: TmrVerdict
    time_ns: int


@dataclass(frozen=True, slots=True)
class RaisedGuard:
    """Failures of many GPUs that have one cause: the parts of `model.guards.Guard`, and since when it is known."""

    key: str
    shared: str
    value: str
    probe_types: int
    gpus: int
    of: int
    since_ns: int
    is_told: bool


@dataclass(slots=True)
class Changes:
    """Rows to be written; collected while a round is decided."""

    now_ns: int
    gpus: Mapping[str, GpuState] = field(default_factory=dict)
    sources: Mapping[tuple[str, str], Source] = field(default_factory=dict)
    edges: Mapping[Pair, Edge] = field(default_factory=dict)
    telemetry: dict[int, LatestTelemetry] = field(default_factory=dict)
    """By number of the GPU."""
    components: Mapping[str, ComponentState] = field(default_factory=dict)
    faults: Mapping[str, Fault | None] = field(default_factory=dict)
    """None for one that is no more."""
    batches: list[BatchKey] = field(default_factory=list)
    tags: list[bytes] = field(default_factory=list)
    """Of signed results other than PASS."""
    samples: list[ReliabilitySample] = field(default_factory=list)
    transitions: list[StateTransition] = field(default_factory=list)
    correlations: list[Correlation] = field(default_factory=list)
    guards: Mapping[str, RaisedGuard | None] = field(default_factory=dict)
    """By key; None for one that was lifted."""
    sightings: Mapping[tuple[str, int], Sighted | None] = field(default_factory=dict)
    """By GPU and probe type; None for one that left the window."""
    anomalous: Mapping[tuple[str, int], Sighted | None] = field(default_factory=dict)
    """The same for types of anomalies."""
    acquittals: Mapping[str, Acquittal | None] = field(default_factory=dict)
    """By GPU; None for one that is over."""
    doubted: Mapping[str, int | None] = field(default_factory=dict)
    """When people were asked about GPUs that a common cause may hide; None where that is over."""
    open_canaries: Mapping[str, OpenCanary | None] = field(default_factory=dict)
    """By id; None for one that is no longer waited for."""
    events: list[Happened] = field(default_factory=list)
    alerts: AlertChanges | None = None
    directives: dict[str, DirectiveRecord] = field(default_factory=dict)
    news: list[DirectiveNews] = field(default_factory=list)
    canaries: list[Canary] = field(default_factory=list)
    updates: list[VersionedUpdate] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class Needs:
    """What requests name that memory may not hold."""

    batches: tuple[BatchKey, ...] = ()
    tags: tuple[bytes, ...] = ()
    directives: tuple[str, ...] = ()
    canaries: tuple[str, ...] = ()
    updates: tuple[str, ...] = ()

    def __bool__(self) -> bool:
        """Whether there is anything to look up."""
        return bool(self.batches or self.tags or self.directives or self.canaries or self.updates)


@dataclass(frozen=True, slots=True)
class Found:
    """What of it exists."""

    batches: frozenset[BatchKey] = frozenset()
    tags: frozenset[bytes] = frozenset()
    directives: Mapping[str, DirectiveRecord] = field(default_factory=dict)
    canaries: Mapping[str, TmrVerdict] = field(default_factory=dict)
    updates: Mapping[str, VersionedUpdate] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Kept:
    """What GPUs are on trial for, and what is waited for."""

    sightings: Mapping[tuple[str, int], Sighted] = field(default_factory=dict)
    anomalous: Mapping[tuple[str, int], Sighted] = field(default_factory=dict)
    acquittals: Mapping[str, Acquittal] = field(default_factory=dict)
    doubted: Mapping[str, int] = field(default_factory=dict)
    canaries: tuple[OpenCanary, ...] = ()
    """In the order in which they were scheduled."""


@dataclass(frozen=True, slots=True)
class Loaded:
    """Everything the core keeps in memory, as it was stored last."""

    round_number: int
    gpus: tuple[GpuState, ...]
    sources: tuple[Source, ...]
    waiting: tuple[DirectiveRecord, ...]
    edges: tuple[Edge, ...]
    updates: tuple[VersionedUpdate, ...]
    """The newest of each subject, in order of version."""
    version: int
    components: tuple[ComponentState, ...]
    faults: tuple[Fault, ...]
    last_news: int
    """Position of the last news of directives."""
    correlations: tuple[Correlation, ...] = ()
    """The newest, oldest first."""
    guards: tuple[RaisedGuard, ...] = ()
    last_event: int = 0
    """Position of the last event."""
    kept: Kept = field(default_factory=Kept)
