"""When triggers have gathered company long enough to be decided on.

They wait for `Policy.settle` from the oldest on, together. While triggers of several nodes keep coming, a storm is
still growing, and what looks like three broken nodes may be the first three of a switch: then they wait for a pause of
that length, up to five times as long altogether.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime

from gcm_sentinel.domain.incident_record import StoredTrigger, TriggerState
from gcm_sentinel.domain.trigger import TriggerStatus
from gcm_sentinel.triage.moments import end_of
from gcm_sentinel.triage.policy import Policy

_LONGEST = 5
"""Settle times that a growing storm may take."""


def settled_at(triggers: Iterable[StoredTrigger], policy: Policy, now: datetime) -> datetime | None:
    """When the pending problems among `triggers` are decided on; None where there are none."""
    pending = [stored for stored in triggers if _gathers(stored)]
    if not pending:
        return None
    oldest = min(stored.stored_at for stored in pending)
    if len({stored.trigger.node for stored in pending}) < policy.min_nodes:
        return end_of(oldest, policy.settle, now)
    newest = max(stored.stored_at for stored in pending)
    longest = max(policy.settle, min(_LONGEST * policy.settle, policy.burst))
    return min(end_of(newest, policy.settle, now), end_of(oldest, longest, now))


def _gathers(stored: StoredTrigger) -> bool:
    return stored.state is TriggerState.PENDING and stored.trigger.status is not TriggerStatus.RECOVERED
