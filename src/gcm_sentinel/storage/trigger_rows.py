"""A trigger's row as a value."""

from __future__ import annotations

from typing import Any

from sqlalchemy import Row

from gcm_sentinel.domain.incident_record import StoredTrigger, TriggerState
from gcm_sentinel.storage.codecs import when, when_known
from gcm_sentinel.storage.frozen_incident import trigger_of

__all__ = ["stored_trigger", "trigger_of"]


def stored_trigger(row: Row[Any]) -> StoredTrigger:
    """The trigger in a row of `triggers`, with its place; raises one of `DAMAGE` when the row is damaged."""
    return StoredTrigger(
        id=row.id,
        trigger=trigger_of(row),
        state=TriggerState(row.state),
        stored_at=when(row.stored_at),
        incident_id=row.incident_id,
        reason=row.ruling,
        hold_until=when_known(row.hold_until),
    )
