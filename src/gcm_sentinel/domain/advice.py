"""Whether an assessment advises an order: the same action for the same thing, not just for another on its node. Pure.

Advice about one GPU of a node is none about its neighbours, and advice without a target is only plain where the
incident is about a single node. A model that advises one thing and proposes another gets neither.
"""

from __future__ import annotations

import re
from collections.abc import Collection
from dataclasses import dataclass

from gcm_sentinel.domain.actions import Action
from gcm_sentinel.domain.assessment import Assessment, Outcome, RecommendedAction
from gcm_sentinel.domain.entity import Entity, EntityKind
from gcm_sentinel.domain.operations import DECLARED, Operation, TargetKind
from gcm_sentinel.domain.order import Order

_DAEMON_POD = "[a-z0-9]{5}"
"""What a DaemonSet's controller puts behind its name and a dash (Kubernetes' `GenerateName` suffix)."""

_AFTER_A_DRAIN = (Operation.RESET_GPU, Operation.REBOOT_NODE, Operation.RUN_DEEP_PROBE)


@dataclass(frozen=True, slots=True)
class NewerAdvice:
    """What a later investigation of the same incident came to."""

    investigation_id: str
    assessment: Assessment | None
    """None where it cannot be read any more: then it advises nothing."""
    nodes: tuple[str, ...] = ()
    """Those that it was about."""

    def advises(self, order: Order) -> bool:
        """Whether it concluded and advises `order` still."""
        found = self.assessment
        return found is not None and found.outcome is Outcome.CONCLUDED and advises(found, order, self.nodes)

    @property
    def words(self) -> str:
        """Why an order that it does not advise is over."""
        return f"investigation {self.investigation_id} of the same incident is newer and does not advise it any more"


def advises(assessment: Assessment, order: Order, nodes: Collection[str]) -> bool:
    """Whether one of the assessment's actions is what `order` does, to its target; `nodes` are the incident's."""
    wanted = DECLARED[order.operation].carries_out
    return any(item.action in wanted and _is_about(item, order, nodes) for item in assessment.draft.actions)


def advised_after(assessment: Assessment, done: Order) -> tuple[Operation, ...]:
    """What `assessment` advises for the node of `done` that had to wait for it: after a drain a reset, a reboot or
    a deep probe."""
    if done.operation is not Operation.DRAIN_NODE:
        return ()
    here = (None, done.target.name)
    advised = {item.action for item in assessment.draft.actions if _node_of(item.target) in here}
    return tuple(operation for operation in _AFTER_A_DRAIN if advised & DECLARED[operation].carries_out)


def _node_of(target: Entity | None) -> str | None:
    """The node that it is, or stands on; None where it does not say."""
    return None if target is None else (target.name if target.kind is EntityKind.NODE else target.node)


def _is_about(item: RecommendedAction, order: Order, nodes: Collection[str]) -> bool:
    target, kind = item.target, order.target.kind
    if target is None:
        return kind == TargetKind.NODE and set(nodes) == {order.target.name}
    if kind == TargetKind.NODE:
        return order.target.name == _node_of(target)
    if target.node and target.node != order.target.node:
        return False
    if kind == TargetKind.GPU:
        return target.kind is EntityKind.GPU and order.target.uid == (target.uuid or target.name)
    if target.kind is EntityKind.POD:
        return target.name == order.target.name
    return item.action is Action.RESTART_DAEMONSET and _is_pod_of(order.target.name, target)


def _is_pod_of(pod: str, daemon_set: Entity) -> bool:
    """Whether a pod, ``namespace/name``, bears the name of that DaemonSet."""
    namespace, _, name = daemon_set.name.rpartition("/")
    own_namespace, _, own_name = pod.rpartition("/")
    if daemon_set.kind is not EntityKind.DAEMONSET or (namespace and namespace != own_namespace):
        return False
    return re.fullmatch(rf"{re.escape(name)}-{_DAEMON_POD}", own_name) is not None
