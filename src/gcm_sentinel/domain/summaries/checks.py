"""What the named checks of a node's own agent saw."""

from __future__ import annotations

from typing import TypedDict


class NodeObservation(TypedDict):
    """One thing that a check looked at."""

    status: str
    """``ok``, ``warning``, ``bad`` or ``unknown``."""
    subject: str
    """A GPU by its UUID, a device by its PCI address, a process by its number, or ``node``."""
    text: str
    figures: dict[str, str]
    """What was read, by its name with its unit."""


class NodeCheckSummary(TypedDict):
    """One check."""

    name: str
    status: str
    """The gravest of what it saw; ``unknown`` where it was not answered."""
    missing: str
    """Why it was not answered; empty where it was."""
    observations: list[NodeObservation]
    """The gravest first; where several checks were asked for, those that are not ok."""
    observations_total: int


class NodeChecksSummary(TypedDict):
    """`check_gpu_node`."""

    node: str
    status: str
    checks: list[NodeCheckSummary]
