"""The read-only sources as remediation/capture.py uses them: through the toolbox, which removes secrets and stores."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta

from gcm_sentinel.domain.evidence import Evidence
from gcm_sentinel.domain.protocols import Scope
from gcm_sentinel.domain.steps import Steps
from gcm_sentinel.domain.transcript import ToolCall
from gcm_sentinel.engine.toolbox import Errand, Toolbox
from gcm_sentinel.remediation.capture import Name

_AT_MOST = timedelta(minutes=2)
"""For one call; the toolbox has a shorter limit of its own."""


class ToolboxGatherer:
    """A `Gatherer` over a toolbox of sources that only read."""

    def __init__(self, toolbox: Toolbox) -> None:
        self._toolbox = toolbox
        self._names = frozenset(spec.name for spec in toolbox.specs)

    def offers(self, tool: str) -> bool:
        """Whether a source that is on has it."""
        return tool in self._names

    async def gather(self, calls: Sequence[ToolCall], scope: Scope, steps: Steps, first: Name) -> tuple[Evidence, ...]:
        """What the calls came to; one whose result could not be stored is left out."""
        answers = await self._toolbox.run(calls, Errand(scope, steps, first.number, _AT_MOST, letter=first.prefix))
        return tuple(answer.evidence for answer in answers if answer.evidence is not None)
