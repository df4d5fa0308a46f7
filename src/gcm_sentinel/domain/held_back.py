"""What an assessment advises, the agent was asked to do, and did not: refused when it was asked for, so never ordered.

Read off the investigation's own evidence. An order has a record, and is told with its states; a request that was
refused has none, and would look as if nobody had asked. Pure.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from gcm_sentinel.domain.assessment import Assessment
from gcm_sentinel.domain.evidence import DESK, Evidence, ResultStatus
from gcm_sentinel.domain.operations import DECLARED, Operation, TargetKind

_REFUSED, _NOTHING_DONE = "Refused: ", ". Nothing was or will be done."
_DONE_BEFORE = "was ordered before: done"
_NAMES = {TargetKind.NODE: "node_name", TargetKind.POD: "pod_name", TargetKind.GPU: "gpu_uuid"}
"""The argument by which an operation's target is named."""


@dataclass(frozen=True, slots=True)
class HeldBack:
    """One request that was refused."""

    operation: Operation
    target: str
    """As it was asked for; empty where it was not named."""
    reason: str
    """In the words of the gate, the tool or the API server."""
    evidence: str
    """Id of the piece that noted it."""

    @property
    def words(self) -> str:
        """``drain_node gpu-7 was refused: the circuit breaker is open``."""
        return f"{' '.join(filter(None, (str(self.operation), self.target)))} was refused: {self.reason}"


def held_back(assessment: Assessment, evidence: Iterable[Evidence]) -> tuple[HeldBack, ...]:
    """The newest refusal of each operation on each target, in the order of asking.

    Left out is what the assessment does not advise, what the same investigation was let ask for after all, and what
    was refused because an earlier investigation of the incident had it done.
    """
    asked = [(item, Operation(item.tool)) for item in evidence if item.source == DESK and item.tool in DECLARED]
    let = {_same(operation, item) for item, operation in asked if item.result.status is ResultStatus.OK}
    newest: dict[tuple[Operation, str], HeldBack] = {}
    for item, operation in asked:
        if item.result.status is ResultStatus.OK or _same(operation, item) in let:
            continue
        target = _target(operation, item)
        newest.pop((operation, target), None)
        if _DONE_BEFORE not in item.result.note and _advised(assessment, operation, target):
            newest[operation, target] = HeldBack(operation, target, _reason(item.result.note), item.id)
    return tuple(newest.values())


def refused_in_short(refusals: Iterable[HeldBack]) -> str:
    """All of them in a few words, such as ``drain_node: refused``; empty where there are none."""
    return ", ".join(dict.fromkeys(f"{item.operation}: refused" for item in refusals))


def _target(operation: Operation, item: Evidence) -> str:
    value = item.arguments.get(_NAMES[DECLARED[operation].target])
    return value if isinstance(value, str) else ""


def _same(operation: Operation, item: Evidence) -> tuple[Operation, str]:
    """By which a request is known again; a GPU may be named by its number first and by its UUID then."""
    about_gpu = DECLARED[operation].target is TargetKind.GPU
    return operation, "" if about_gpu else _target(operation, item)


def _advised(assessment: Assessment, operation: Operation, target: str) -> bool:
    """Whether one of its actions is what the operation does; for an operation on a node, to that node."""
    declaration = DECLARED[operation]
    wanted = [item for item in assessment.draft.actions if item.action in declaration.carries_out]
    if declaration.target is not TargetKind.NODE or not target:
        return bool(wanted)
    return any(item.target is None or target in (item.target.name, item.target.node) for item in wanted)


def _reason(note: str) -> str:
    if not note.startswith(_REFUSED):
        return f"it could not be planned: {note or 'no reason given'}"
    return note.removeprefix(_REFUSED).removesuffix(_NOTHING_DONE)
