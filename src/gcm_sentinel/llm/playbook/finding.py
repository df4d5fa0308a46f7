"""A finding: one small statement about the evidence that holds, does not hold, or cannot be told.

`Unknown` means that the evidence that would decide has not been gathered or its source does not answer; it never moves
a belief. A predicate is a plain function of observations and a subject (one GPU, or None for the node as a whole), so
it can be read, tested and replaced alone. The text of a finding becomes a claim of the assessment, so it says no more
than its citations show.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeAlias

from gcm_sentinel.domain.assessment import Citation
from gcm_sentinel.llm.playbook.identity import GpuRef
from gcm_sentinel.llm.playbook.observations import Observations


@dataclass(frozen=True, slots=True)
class Finding:
    """The answer of one predicate."""

    holds: bool | None
    """None: unknown."""
    detail: str = ""
    cites: tuple[Citation, ...] = ()
    strength: float = 1.0
    """0 to 1: how near in time or how clear; the likelihood ratio is raised to it."""
    absence: bool = False
    """It says that something was looked for and is not there."""
    key: str = ""
    """Name and arguments, as hypotheses refer to it."""


UNKNOWN = Finding(None)


def yes(detail: str, *cites: Citation, strength: float = 1.0, absence: bool = False) -> Finding:
    """It holds."""
    return Finding(True, detail, cites, strength, absence)  # noqa: FBT003 - the field's own name says it


def no(detail: str = "", *cites: Citation, absence: bool = True) -> Finding:
    """It was looked at and does not hold."""
    return Finding(False, detail, cites, absence=absence)  # noqa: FBT003 - the field's own name says it


def decided(*, holds: bool, detail: str, cites: tuple[Citation, ...] = ()) -> Finding:
    """It holds or not; `detail` and `cites` are said only when it does."""
    return yes(detail, *cites) if holds else no()


Check: TypeAlias = Callable[[Observations, GpuRef | None, tuple[str, ...]], Finding]


@dataclass(frozen=True, slots=True)
class Predicate:
    """A named check and the questions that can decide it."""

    name: str
    needs: tuple[str, ...]
    """Names of questions (data/questions.yaml); asking them may turn unknown into an answer."""
    check: Check


def predicate(*needs: str) -> Callable[[Check], Predicate]:
    """Make a function a predicate named as it is."""

    def wrap(check: Check) -> Predicate:
        return Predicate(check.__name__, needs, check)

    return wrap
