"""One order of an incident with every question that was asked about it, and what of it still stands. Pure.

An incident has one assessment that counts, the newest; what was done for an earlier one was done all the same. So its
orders are told of all its investigations, and what was taken out of service stays in sight until it is taken back.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from types import MappingProxyType

from gcm_sentinel.domain.action_record import ActionRecord, ActionState, Approval
from gcm_sentinel.domain.operations import Operation
from gcm_sentinel.domain.order import Order

_NOT_PROVEN = frozenset({ActionState.RUNNING, ActionState.CARRIED, ActionState.FAILED})
_UNCORDON = "kubectl uncordon {node}"
_REINSTATE = "a REINSTATE directive at the SENTINEL gateway"
_REQUEST = "deleting what it asked for: a custom resource of the janitor's, or the node's annotation"
_GIVEN_BACK_BY = MappingProxyType(
    {
        Operation.CORDON_NODE: _UNCORDON,
        Operation.DRAIN_NODE: _UNCORDON,
        Operation.TAINT_NODE: "kubectl taint node {node} {key}-",
        Operation.QUARANTINE_GPU: _REINSTATE,
        Operation.SCHEDULE_DEEP_TEST: _REINSTATE,
        Operation.CONDEMN_GPU: "nothing: the GPU is given up for good",
        Operation.RESET_GPU: _REQUEST,
        Operation.REBOOT_NODE: _REQUEST,
    }
)
"""By what a person gives back what an operation leaves behind; one that leaves nothing is not here."""
_OVER_WHEN_DONE = frozenset({Operation.RESET_GPU, Operation.REBOOT_NODE})
"""Leave something behind only where they did not come to their end."""


@dataclass(frozen=True, slots=True)
class OrderHistory:
    """One order from its proposal to where it stands."""

    record: ActionRecord
    questions: tuple[Approval, ...] = ()
    """Oldest first."""

    @property
    def said(self) -> tuple[str, ...]:
        """What the gate said last and what came of it, each once: for what was refused, the reason."""
        return tuple(dict.fromkeys(filter(None, (self.record.ruling, self.record.note))))

    @property
    def stands(self) -> bool:
        """Whether the agent left something behind, or may have where it failed, and did not take it back.

        What a person has given back since is not known.
        """
        operation, state = self.record.order.operation, self.record.state
        done = state is ActionState.DONE and operation not in _OVER_WHEN_DONE
        return operation in _GIVEN_BACK_BY and (done or state in _NOT_PROVEN)

    @property
    def given_back_by(self) -> str:
        """What gives it back, a command where there is one; empty where nothing stands."""
        return given_back_by(self.record.order) if self.stands else ""


def given_back_by(order: Order) -> str:
    """What gives back what `order` leaves behind; empty where it leaves nothing."""
    target = order.target
    node, key = target.node or target.name, str(order.arguments.get("key") or "KEY")
    return _GIVEN_BACK_BY.get(order.operation, "").format(node=node, key=key)


def histories(records: Iterable[ActionRecord], questions: Iterable[Approval]) -> tuple[OrderHistory, ...]:
    """The orders in the order of `records`, each with its own of `questions`."""
    asked: dict[str, list[Approval]] = {}
    for question in questions:
        asked.setdefault(question.action_id, []).append(question)
    return tuple(OrderHistory(record, tuple(asked.get(record.id, ()))) for record in records)
