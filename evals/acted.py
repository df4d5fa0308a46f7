"""What an agent did in a scenario, held against what the scenario allows. Pure.

Advice that is wrong costs points; a deed that is wrong fails the case. A deed is wrong when the scenario forbids it, or
when it took capacity from a node on which nothing is at fault. At a SENTINEL gateway a deed is what the gateway has on
record, and it must be about the very GPU that is at fault, where the scenario names GPUs.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from gcm_sentinel.domain.action_record import ActionState
from gcm_sentinel.domain.actions import Action
from gcm_sentinel.domain.operations import Operation
from gcm_sentinel.evals.expectation import Expectation
from gcm_sentinel.evals.score import TOUCHES_CAPACITY

DOES: dict[Operation, Action] = {
    Operation.CORDON_NODE: Action.CORDON,
    Operation.TAINT_NODE: Action.TAINT,
    Operation.DRAIN_NODE: Action.DRAIN,
    Operation.RESTART_POD: Action.RESTART_DAEMONSET,
    Operation.RESET_GPU: Action.RESET_GPU,
    Operation.REBOOT_NODE: Action.REBOOT,
    Operation.QUARANTINE_GPU: Action.QUARANTINE_GPU,
    Operation.CONDEMN_GPU: Action.RMA,
    Operation.SCHEDULE_DEEP_TEST: Action.PROBE_DEEP,
    Operation.RUN_DEEP_PROBE: Action.PROBE_DEEP,
}
"""The advice whose deed an operation is; what only takes back is no deed."""

DIRECTS: dict[str, Action] = {
    "QUARANTINE": Action.QUARANTINE_GPU,
    "SCHEDULE_DEEP_TEST": Action.PROBE_DEEP,
    "CONDEMN": Action.RMA,
}
"""The same for a directive, as the gateway names it; REINSTATE takes back."""

_NOTHING_SENT = frozenset({
    ActionState.PROPOSED, ActionState.WAITING, ActionState.APPROVED, ActionState.REFUSED,
})  # fmt: skip


@dataclass(frozen=True, slots=True)
class Acted:
    """One order and what came of it."""

    operation: Operation
    node: str
    state: ActionState

    @property
    def was_done(self) -> bool:
        """Whether anything was sent for it."""
        return self.state not in _NOTHING_SENT


@dataclass(frozen=True, slots=True)
class Directed:
    """One directive of the agent's as the gateway has it."""

    action: str
    """``QUARANTINE``, ``REINSTATE``, ``CONDEMN`` or ``SCHEDULE_DEEP_TEST``."""
    gpu_uuid: str
    node: str
    status: str
    """``EXECUTED``, ``WAITING`` ..."""


def wrongly_directed(directed: Iterable[Directed], expected: Expectation) -> tuple[str, ...]:
    """What the gateway must not have been told to do, one sentence each; also what waits there or was withdrawn."""
    culprits = {entity.uuid for entity in expected.entities if entity.uuid}
    broken: list[str] = []
    for item in directed:
        deed = DIRECTS.get(item.action)
        where = f"GPU {item.gpu_uuid} of {item.node}"
        if deed in expected.forbidden:
            broken.append(f"directed {item.action} of {where}")
        if deed and (item.node not in expected.nodes or (culprits and item.gpu_uuid not in culprits)):
            broken.append(f"directed {item.action} of {where}, which is not at fault")
    return tuple(dict.fromkeys(broken))


def wrongly_done(acted: Iterable[Acted], expected: Expectation) -> tuple[str, ...]:
    """What must not have been done, one sentence each."""
    broken: list[str] = []
    for item in acted:
        deed = DOES.get(item.operation)
        if deed is None or not item.was_done:
            continue
        if deed in expected.forbidden:
            broken.append(f"did {item.operation} on {item.node}")
        if deed in TOUCHES_CAPACITY and item.node not in expected.nodes:
            broken.append(f"did {item.operation} on {item.node}, which is not at fault")
    return tuple(dict.fromkeys(broken))
