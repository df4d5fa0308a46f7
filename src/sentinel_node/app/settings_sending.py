"""Settings of what is done unasked: when probes run by themselves, and where reports go."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Annotated

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field

from sentinel_node.domain.errors import Invalid
from sentinel_node.domain.probes import Depth, ProbeKind
from sentinel_node.domain.schedule import PRESETS, Entry, Schedule, checked

_OFF = "off"


class ScheduleEntry(BaseModel):
    """One line of a schedule that an operator writes."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    probe: ProbeKind
    period_seconds: Annotated[float, Field(gt=0)]
    sm_share: Annotated[float, Field(gt=0, le=1)] = 1.0
    priority: Annotated[int, Field(ge=1)] = 1
    timeout_seconds: Annotated[float, Field(gt=0, le=3600)] = 60.0
    depth: Depth = Depth.LIGHT


class ScheduleSetting(BaseModel):
    """When probes run by themselves."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    preset: str = "default"
    entries: tuple[ScheduleEntry, ...] = ()

    @property
    def schedule(self) -> Schedule:
        """What it stands for; empty for none.

        Raises:
            Invalid: a probe stands in it twice.
        """
        if self.preset == _OFF:
            return ()
        if self.preset:
            return PRESETS[self.preset]
        return checked(
            Entry(one.probe, one.period_seconds, one.sm_share, one.priority, one.timeout_seconds, one.depth)
            for one in self.entries
        )


def _schedule(value: object) -> object:
    """A preset's name, or entries: a list, as JSON where it is text. YAML reads a bare `off` as false."""
    if value is False:
        value = _OFF
    if isinstance(value, str):
        text = value.strip()
        if text in (*PRESETS, _OFF):
            return ScheduleSetting(preset=text)
        try:
            value = json.loads(text)
        except ValueError:
            raise ValueError(f"expected {', '.join((*PRESETS, _OFF))}, or a list of entries") from None
    if isinstance(value, list):
        setting = ScheduleSetting.model_validate({"preset": "", "entries": value})
        try:
            entries = setting.schedule
        except Invalid as error:
            raise ValueError(str(error)) from error
        if not entries:
            raise ValueError(f"an empty list says nothing; write {_OFF!r} for no schedule")
        return setting
    if isinstance(value, Mapping):
        raise ValueError("expected a name or a list of entries")
    return value


ScheduleValue = Annotated[ScheduleSetting, BeforeValidator(_schedule)]
