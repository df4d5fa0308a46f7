"""One node through time: boots, conditions, taints, labels, resources.

Every question takes an instant (epoch seconds), so the served objects, the series and the logs can never disagree.
A condition that turned bad before a boot stays as it was unless a fact says otherwise: that is how stale conditions
come about on real nodes.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import TypeVar

from sentinel_fleet import facts as f
from sentinel_fleet.baseline.conditions import KUBELET, HealthyCondition, reporter_of
from sentinel_fleet.baseline.fleet import Fleet, NodeIdentity
from sentinel_fleet.stable import seed64, stable_uuid, unit

AnyFact = TypeVar("AnyFact", bound=f.Fact)
AnyValue = TypeVar("AnyValue")

_KUBELET_PERIOD_S = 300.0
_NPD_PERIOD_S = 60.0
_READY_AFTER_BOOT_S = 62.0
_EXPORTERS_AFTER_BOOT_S = 95.0
_LEASE_GRACE_S = 40.0
_OBJECT_FACTS = (
    f.ConditionFact, f.LabelFact, f.AnnotateFact, f.TaintFact, f.CordonFact, f.AllocatableFact, f.BootFact,
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Boot:
    """One boot of a node."""

    at: float
    boot_id: str
    down_from: float | None
    """When the node went away before it; None for the first boot the world knows."""
    clean: bool | None
    """Whether the boot before ended in an orderly shutdown; None for the first."""


@dataclass(frozen=True, slots=True)
class Condition:
    """A condition's value at some instant."""

    type: str
    status: str
    reason: str
    message: str
    transition: float
    heartbeat: float
    reporter: str


@dataclass(frozen=True, slots=True)
class Taint:
    """A taint and who set it."""

    key: str
    value: str
    effect: str
    added: float
    by: str


class NodeHistory:
    """What is true of one node at any instant."""

    def __init__(
        self, fleet: Fleet, identity: NodeIdentity, facts: Sequence[f.Fact], base: Sequence[HealthyCondition],
        anchor: float,
    ) -> None:  # fmt: skip
        self.fleet = fleet
        self.identity = identity
        self.anchor = anchor
        self._facts = sorted(facts, key=lambda fact: fact.at)
        self._clock_facts = self.of(f.ClockFact)
        self._base = base
        self._phase = unit(seed64(fleet.seed, "heartbeat"), identity.index)
        self.boots: tuple[Boot, ...] = tuple(self._boots())

    @property
    def name(self) -> str:
        """The node's name."""
        return self.identity.name

    @property
    def created(self) -> float:
        """When the node joined the cluster: some weeks before the first boot the world knows."""
        return self.boots[0].at - 86400.0 * (20 + 60 * self._phase)

    def of(self, kind: type[AnyFact]) -> list[AnyFact]:
        """The node's facts of one kind, oldest first."""
        return [fact for fact in self._facts if isinstance(fact, kind)]

    def absolute(self, fact: f.Fact) -> float:
        """Epoch seconds of a fact."""
        return self.anchor + fact.at

    def boot_at(self, t: float) -> Boot:
        """The boot the node was running in; the next one while it was down."""
        for boot in reversed(self.boots):
            if boot.at <= t or (boot.down_from is not None and boot.down_from <= t):
                return boot
        return self.boots[0]

    def unscraped(self) -> list[tuple[float, float]]:
        """Windows in which nothing on the node could be scraped: down, then booting."""
        return [
            (boot.down_from, boot.at + _EXPORTERS_AFTER_BOOT_S) for boot in self.boots if boot.down_from is not None
        ]

    def clock_offset_s(self, t: float) -> float:
        """By how much the node's clock is ahead."""
        offset = 0.0
        for fact in self._clock_facts:
            if self.absolute(fact) <= t:
                offset = fact.offset
        return offset

    def conditions(self, t: float) -> list[Condition]:
        """All conditions of the node, base types first."""
        boot = self.boot_at(t)
        values = {item.type: self._healthy(item, boot, t) for item in self._base}
        for fact in self.of(f.ConditionFact):
            if self.absolute(fact) <= t:
                before = values.get(fact.type)
                values[fact.type] = self._from_fact(fact, before, t)
                if fact.type == "Ready" and fact.status == "Unknown":
                    self._silence_kubelet(values, values["Ready"])
        return list(values.values())

    def condition_changes(self, condition_type: str) -> list[tuple[float, str]]:
        """(instant, status) from which one condition had a status; for series that follow it."""
        healthy = next((item.status for item in self._base if item.type == condition_type), "False")
        changes = [(float("-inf"), healthy)]
        for boot in self.boots:
            if condition_type == "Ready" and boot.down_from is not None:
                changes += [(boot.down_from + _LEASE_GRACE_S, "Unknown"), (boot.at + _READY_AFTER_BOOT_S, "True")]
        changes += [
            (self.absolute(fact), fact.status) for fact in self.of(f.ConditionFact) if fact.type == condition_type
        ]
        return sorted(changes, key=lambda change: change[0])

    def condition_types(self) -> list[str]:
        """Every type the node ever has, base types first."""
        types = [item.type for item in self._base]
        return types + [fact.type for fact in self.of(f.ConditionFact) if fact.type not in types]

    def taints(self, t: float) -> list[Taint]:
        """Taints by facts, by cordon and by the node controller."""
        found = [Taint("nvidia.com/gpu", "present", "NoSchedule", self.created, KUBELET)]
        for fact in self.of(f.TaintFact):
            if self._in_force(fact, fact.until, t):
                found.append(Taint(fact.key, fact.value, fact.effect, self.absolute(fact), fact.by))
        cordon = self.cordon(t)
        if cordon is not None:
            at = self.absolute(cordon)
            found.append(Taint("node.kubernetes.io/unschedulable", "", "NoSchedule", at, "kube-controller-manager"))
        found += self._readiness_taints(t)
        return found

    def cordon(self, t: float) -> f.CordonFact | None:
        """The cordon in force."""
        cordons = [fact for fact in self.of(f.CordonFact) if self._in_force(fact, fact.until, t)]
        return cordons[-1] if cordons else None

    def resources(self, t: float) -> tuple[dict[str, int], dict[str, int]]:
        """GPU-like resources: capacity and allocatable."""
        gpus = self.fleet.spec.gpus_per_node
        capacity, allocatable = {"nvidia.com/gpu": gpus}, {"nvidia.com/gpu": gpus}
        for fact in self.of(f.AllocatableFact):
            if self.absolute(fact) <= t:
                allocatable[fact.resource] = fact.value
                default = capacity.get(fact.resource, fact.value)
                capacity[fact.resource] = default if fact.capacity is None else fact.capacity
        return capacity, allocatable

    def allocatable_changes(self, resource: str) -> list[tuple[float, int]]:
        """(instant, value) of one allocatable resource."""
        start = self.fleet.spec.gpus_per_node if resource == "nvidia.com/gpu" else 0
        facts = [fact for fact in self.of(f.AllocatableFact) if fact.resource == resource]
        return [(float("-inf"), start)] + [(self.absolute(fact), fact.value) for fact in facts]

    def change_times(self) -> Iterator[float]:
        """Instants after T0 at which the Node object changes."""
        for fact in self._facts:
            if isinstance(fact, _OBJECT_FACTS):
                until = getattr(fact, "until", None)
                yield from (self.anchor + at for at in (fact.at, until) if at is not None and at > 0)

    def _in_force(self, fact: f.Fact, until: float | None, t: float) -> bool:
        return self.absolute(fact) <= t and (until is None or t < self.anchor + until)

    def _boots(self) -> Iterator[Boot]:
        seed, index = self.fleet.seed, self.identity.index
        facts = self.of(f.BootFact)
        first = self.anchor - self.fleet.boot_age_s(self.identity)
        known = [self.absolute(fact) - fact.down for fact in facts]
        if self.fleet.spec.boot_age is None:
            known += [self.absolute(fact) for fact in self.of(f.KernelFact)]
        if known:
            first = min(first, min(known) - 86400.0 * (1 + 9 * self._phase))
        yield Boot(first, stable_uuid(seed, "boot", index, 0), None, None)
        for number, fact in enumerate(facts, start=1):
            at = self.absolute(fact)
            yield Boot(at, stable_uuid(seed, "boot", index, number), at - fact.down, fact.clean)

    def _healthy(self, item: HealthyCondition, boot: Boot, t: float) -> Condition:
        transition = boot.at + (_READY_AFTER_BOOT_S if item.reporter == KUBELET else 71.0 + 4 * self._phase)
        heartbeat = max(self._heartbeat(item.reporter, t), transition)
        return Condition(item.type, item.status, item.reason, item.message, transition, heartbeat, item.reporter)

    def _heartbeat(self, reporter: str, t: float) -> float:
        period = _KUBELET_PERIOD_S if reporter == KUBELET else _NPD_PERIOD_S
        return t - (t + self._phase * period) % period

    def _from_fact(self, fact: f.ConditionFact, before: Condition | None, t: float) -> Condition:
        at = self.absolute(fact)
        reporter = fact.reporter or reporter_of(fact.type)
        kept = before is not None and before.status == fact.status
        transition = before.transition if kept and before is not None else at
        heartbeat = max(self._heartbeat(reporter, t), at)
        if fact.heartbeat is not None:
            heartbeat = at - fact.heartbeat
        elif fact.status == "Unknown" and reporter == KUBELET:
            heartbeat = at - _LEASE_GRACE_S
        return Condition(fact.type, fact.status, fact.reason, fact.message, transition, heartbeat, reporter)

    @staticmethod
    def _silence_kubelet(values: dict[str, Condition], ready: Condition) -> None:
        for name in ("MemoryPressure", "DiskPressure", "PIDPressure"):
            values[name] = replace(
                values[name], status="Unknown", reason="NodeStatusUnknown", message=ready.message,
                transition=ready.transition, heartbeat=ready.heartbeat,
            )  # fmt: skip

    def _readiness_taints(self, t: float) -> Iterator[Taint]:
        ready = next(item for item in self.conditions(t) if item.type == "Ready")
        if ready.status == "True":
            return
        key = "not-ready" if ready.status == "False" else "unreachable"
        for effect in ("NoSchedule", "NoExecute"):
            yield Taint(f"node.kubernetes.io/{key}", "", effect, ready.transition + 0.4, "kube-controller-manager")


def value_at(changes: Sequence[tuple[float, AnyValue]], t: float) -> AnyValue:
    """The value in force at `t` of (instant, value) changes, oldest first."""
    value = changes[0][1]
    for at, changed in changes:
        if at > t:
            break
        value = changed
    return value
