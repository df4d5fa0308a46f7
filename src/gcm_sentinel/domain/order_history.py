"""One order of an incident with every question that was asked about it, and what of it still stands. Pure.

An incident has one assessment that counts, the newest; what was done for an earlier one was done all the same. So its
orders are told of all its investigations, and what was taken out of service stays in sight until it is taken back.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
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
        Operation.SCHEDULE_DEEP_TEST: f"the gateway, when the test is passed; else {_REINSTATE}",
        Operation.CONDEMN_GPU: "",
        Operation.RESET_GPU: _REQUEST,
        Operation.REBOOT_NODE: _REQUEST,
    }
)
"""What gives back what an operation leaves behind, empty where nothing does; one that leaves nothing is not here."""
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
        """What gives it back, a command where there is one; empty where nothing stands, or nothing gives it back."""
        return given_back_by(self.record.order) if self.stands else ""


@dataclass(frozen=True, slots=True)
class OrderBook:
    """The orders of an incident: those worth showing, and how many are not among them."""

    shown: tuple[OrderHistory, ...] = ()
    """The oldest first."""
    more: int = 0
    """How many others there are that can be read."""
    more_standing: int = 0
    """How many of `more` stand."""
    unreadable: int = 0
    """How many are damaged: whether what they did stands is not known."""

    @property
    def count(self) -> int:
        """How many there are."""
        return len(self.shown) + self.more + self.unreadable

    @property
    def standing(self) -> tuple[OrderHistory, ...]:
        """Those of `shown` of which something stands."""
        return tuple(item for item in self.shown if item.stands)

    @property
    def unreadable_words(self) -> str:
        """What to say of those that are damaged; empty where none is."""
        if not self.unreadable:
            return ""
        return f"{self.unreadable} order{'s' if self.unreadable > 1 else ''} cannot be read: look at the node"


def most_worth_showing(found: Sequence[OrderHistory], most: int) -> tuple[OrderHistory, ...]:
    """At most so many of `found`, in its order: the last ones, those that stand before the others."""
    stand = [place for place, item in enumerate(found) if item.stands]
    rest = [place for place, item in enumerate(found) if not item.stands]
    return tuple(found[place] for place in sorted([*rest, *stand][-most:]))


def given_back_by(order: Order) -> str:
    """What gives back what `order` leaves behind; empty where it leaves nothing, or nothing gives it back."""
    target = order.target
    node, key = target.node or target.name, str(order.arguments.get("key") or "KEY")
    return _GIVEN_BACK_BY.get(order.operation, "").format(node=node, key=key)


def histories(records: Iterable[ActionRecord], questions: Iterable[Approval]) -> tuple[OrderHistory, ...]:
    """The orders in the order of `records`, each with its own of `questions`."""
    asked: dict[str, list[Approval]] = {}
    for question in questions:
        asked.setdefault(question.action_id, []).append(question)
    return tuple(OrderHistory(record, tuple(asked.get(record.id, ()))) for record in records)
