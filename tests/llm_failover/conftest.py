"""Investigations to ask about, and a policy that does not make a test wait."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta

import pytest

from gcm_sentinel.domain.transcript import Transcript
from gcm_sentinel.domain.trigger import Incident, Trigger, TriggerStatus
from gcm_sentinel.llm.retry import RetryPolicy

AT = datetime(2026, 11, 20, 3, 0, tzinfo=UTC)


@pytest.fixture
def begun() -> Callable[..., Transcript]:
    """``begun("inc-1")``: an investigation that has just begun."""

    def build(incident_id: str, revision: int = 1) -> Transcript:
        trigger = Trigger("kubernetes", "gpu-7", "GcmXidErrorsProblem", TriggerStatus.PROBLEM, "Xid", "Xid 79", AT)
        return Transcript("You investigate.", Incident(incident_id, (trigger,), AT, revision), "brief")

    return build


@pytest.fixture
def quick() -> RetryPolicy:
    """Three tries within a few milliseconds."""
    return RetryPolicy(attempts=3, first_wait=timedelta(milliseconds=1), longest_wait=timedelta(milliseconds=2))
