"""One pod through time, and which GPUs it holds while it runs."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

from sentinel_fleet.baseline.workload import Workload
from sentinel_fleet.facts import ContainerState, Phase, PodFact

_ENDED: tuple[Phase, ...] = ("Failed", "Succeeded")


@dataclass(frozen=True, slots=True)
class PodState:
    """A pod's status at an instant."""

    phase: Phase
    reason: str
    message: str
    containers: tuple[ContainerState, ...]
    since: float
    """When this state began."""


@dataclass(slots=True)
class PodHistory:
    """One pod; times are epoch seconds."""

    namespace: str
    name: str
    uid: str
    node: str | None
    labels: Mapping[str, str]
    container: str
    image: str
    gpus: int
    created: float
    workload: Workload | None = None
    ended: float | None = None
    outcome: Phase = "Succeeded"
    deleted: float | None = None
    gpu_indices: tuple[int, ...] = ()
    changes: list[tuple[float, PodFact]] = field(default_factory=list)

    @property
    def started(self) -> float:
        """When its containers started."""
        return self.created + 9.0

    @property
    def containers(self) -> tuple[str, ...]:
        """Names of its containers, those that facts name included."""
        named = [state.name for _, fact in self.changes for state in fact.containers if state.name is not None]
        return tuple(dict.fromkeys(named or [self.container]))

    def exists(self, t: float) -> bool:
        """Whether the API lists it."""
        return self.created <= t and (self.deleted is None or t < self.deleted)

    def state(self, t: float) -> PodState:
        """Its status, the latest change in force."""
        state = PodState("Running", "", "", (), self.created)
        if self.ended is not None and self.ended <= t:
            state = PodState(self.outcome, "", "", (), self.ended)
        for at, fact in self.changes:
            if at <= t:
                phase = fact.phase or ("Running" if at == self.created else state.phase)
                containers = tuple(fact.containers) or state.containers
                since = at if phase != state.phase or fact.containers else state.since
                state = PodState(phase, fact.reason or state.reason, fact.message or state.message, containers, since)
        return state

    def gpu_window(self) -> tuple[float, float]:
        """From when to when it holds its GPUs."""
        ends = [self.ended, self.deleted] + [at for at, fact in self.changes if fact.phase in _ENDED]
        first = next((fact.phase for at, fact in self.changes if at == self.created), None)
        if first in ("Pending", *_ENDED):
            return self.created, self.created
        return self.started, min((end for end in ends if end is not None), default=float("inf"))

    def change_times(self) -> Iterator[float]:
        """Instants at which the Pod object changes, creation and deletion included."""
        yield self.created
        yield from (at for at, _ in self.changes)
        yield from (end for end in (self.ended, self.deleted) if end is not None)
