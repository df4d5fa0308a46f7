"""Who is admitted to an investigation: problems only, and one per node and kind within the cool-down.

Pure decisions over a small value. The cool-down is stamped when an incident is admitted and taken back when its
investigation failed, so that a failure never silences a node.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from types import MappingProxyType

from gcm_sentinel.domain.trigger import Incident, Trigger, TriggerStatus

Key = tuple[str, str]


@dataclass(frozen=True, slots=True)
class Ruling:
    """Whether a trigger is admitted, with the reason that is logged and shown."""

    admitted: bool
    reason: str


@dataclass(frozen=True, slots=True)
class CoolDown:
    """When each node and kind was last admitted."""

    length: timedelta
    stamps: Mapping[Key, datetime] = field(default_factory=lambda: MappingProxyType({}))

    def rule(self, trigger: Trigger, now: datetime) -> Ruling:
        """Whether `trigger` may open or join an incident now."""
        if trigger.status is TriggerStatus.RECOVERED:
            return Ruling(admitted=False, reason="recovered: nothing to investigate")
        last = self.stamps.get((trigger.node, trigger.kind))
        if last is not None and now - last < self.length:
            left = int((self.length - (now - last)).total_seconds())
            return Ruling(admitted=False, reason=f"cool-down of {trigger.node}/{trigger.kind}: {left} s left")
        return Ruling(admitted=True, reason="admitted")

    def stamped(self, incident: Incident, now: datetime) -> CoolDown:
        """With every node and kind of `incident` stamped; expired stamps are dropped."""
        fresh = {key: at for key, at in self.stamps.items() if now - at < self.length}
        fresh.update({(trigger.node, trigger.kind): now for trigger in incident.triggers})
        return CoolDown(self.length, MappingProxyType(fresh))

    def released(self, incident: Incident) -> CoolDown:
        """With the stamps of `incident` taken back."""
        gone = {(trigger.node, trigger.kind) for trigger in incident.triggers}
        return CoolDown(self.length, MappingProxyType({key: at for key, at in self.stamps.items() if key not in gone}))
