"""Who is admitted to an investigation: problems only, and one per node and kind within the cool-down.

Pure decisions over a small value. The cool-down is stamped when an incident is admitted and taken back when its
investigation failed, so that a failure never silences a node. What comes within it is told how long to wait, because a
condition that stays bad is not reported twice.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from types import MappingProxyType
from typing import TypeAlias

from gcm_sentinel.domain.trigger import Incident, Trigger, TriggerStatus

Key: TypeAlias = tuple[str, str]
"""Node and kind."""


def key_of(trigger: Trigger) -> Key:
    """What a cool-down is counted for."""
    return (trigger.node, trigger.kind)


@dataclass(frozen=True, slots=True)
class Ruling:
    """Whether a trigger is admitted, with the reason that is logged and shown."""

    admitted: bool
    reason: str
    wait: timedelta | None = None
    """How long until it may be admitted; None where waiting changes nothing."""


@dataclass(frozen=True, slots=True)
class CoolDown:
    """When each node and kind was last admitted."""

    length: timedelta
    stamps: Mapping[Key, datetime] = field(default_factory=lambda: MappingProxyType({}))

    def rule(self, trigger: Trigger, now: datetime) -> Ruling:
        """Whether `trigger` may open or join an incident now."""
        if trigger.status is TriggerStatus.RECOVERED:
            return Ruling(admitted=False, reason="recovered: nothing to investigate")
        last = self.stamps.get(key_of(trigger))
        if last is not None and now - last < self.length:
            left = self.length - (now - last)
            words = f"cool-down of {trigger.node}/{trigger.kind}: {left.total_seconds():.0f} s left"
            return Ruling(admitted=False, reason=words, wait=left)
        return Ruling(admitted=True, reason="admitted")

    def stamped(self, incident: Incident, now: datetime) -> CoolDown:
        """With every node and kind of `incident` stamped; expired stamps are dropped."""
        fresh = {key: at for key, at in self.stamps.items() if now - at < self.length}
        fresh.update({key_of(trigger): now for trigger in incident.triggers})
        return CoolDown(self.length, MappingProxyType(fresh))

    def released(self, incident: Incident) -> CoolDown:
        """With the stamps of `incident` taken back."""
        gone = {key_of(trigger) for trigger in incident.triggers}
        return CoolDown(self.length, MappingProxyType({key: at for key, at in self.stamps.items() if key not in gone}))
