"""One line of what `doctor` found, whichever of its parts found it."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Finding:
    """One line of the doctor's report."""

    area: str
    name: str
    ok: bool
    detail: str
    required: bool = False
    """Without it the agent cannot do its main job."""
    remedy: str = ""
    broken: bool = False
    """It is configured and does not work, which is not the same as being off."""

    @property
    def fails(self) -> bool:
        """Whether somebody has to do something about it."""
        return not self.ok and (self.required or self.broken)
