"""What an investigation leaves behind, and the words it says on the way (for a terminal, a log or a page)."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal, TypeAlias

from gcm_sentinel.domain.assessment import Assessment
from gcm_sentinel.domain.evidence import Evidence
from gcm_sentinel.domain.transcript import Transcript

Stage: TypeAlias = Literal["turn.started", "turn.ended", "tool.started", "tool.ended", "returned", "concluded"]


@dataclass(frozen=True, slots=True)
class Step:
    """One step of an investigation as it happens."""

    stage: Stage
    round: int
    text: str
    detail: str = ""


OnStep: TypeAlias = Callable[[Step], None]


def silent(step: Step) -> None:
    """An `OnStep` that says nothing."""


@dataclass(frozen=True, slots=True)
class Investigation:
    """The result: the published assessment, everything that was gathered, and the whole conversation."""

    assessment: Assessment
    evidence: tuple[Evidence, ...]
    transcript: Transcript
    stood_in: bool = False
    """Whether the playbook engine answered in the place of the loop's own engine."""
