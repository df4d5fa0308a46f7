"""What is said of a directive: why it cannot be decided any more, and what a decision will do."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from sentinel_gateway.app.directives_words import ending, forecast
from sentinel_sdk.types import (
    ApprovalStatus,
    DirectiveRecord,
    DirectiveStatus,
    GpuHealth,
    GpuHealthState,
    GpuIdentifier,
    QuarantineAction,
    QuarantineDirective,
)

NOW = datetime(2026, 1, 8, tzinfo=UTC)
QUARANTINED, HEALTHY = GpuHealthState.QUARANTINED, GpuHealthState.HEALTHY


def _record(action=QuarantineAction.CONDEMN, **fields) -> DirectiveRecord:
    approval = ApprovalStatus(approved=True, reviewer="ben")
    gpu = GpuIdentifier(uuid="GPU-1", hostname="node-1")
    directive = QuarantineDirective(directive_id="d-1", gpu=gpu, action=action, approval=approval)
    return DirectiveRecord(directive=directive, **{"from_state": QUARANTINED, "issued_at": NOW, **fields})


@pytest.mark.parametrize(
    ("status", "words"),
    [
        (DirectiveStatus.EXECUTED, "was executed; approved by ben"),
        (DirectiveStatus.DENIED, "was denied by ben"),
        (DirectiveStatus.EXPIRED, "nobody decided it in time"),
        (DirectiveStatus.OVERTAKEN, "overtaken: the note"),
        (DirectiveStatus.WITHDRAWN, "taken back (the note)"),
        (DirectiveStatus(99), "does not wait"),
    ],
    ids=lambda value: getattr(value, "name", ""),
)
def test_every_end_of_a_directive_has_words(status, words):
    assert words in ending(_record(status=status, note="the note"))


@pytest.mark.parametrize(
    ("action", "words"),
    [
        (QuarantineAction.CONDEMN, "to CONDEMNED at once. It is given up for good"),
        (QuarantineAction.REINSTATE, "to HEALTHY at once. It goes back into production"),
        (QuarantineAction.SCHEDULE_DEEP_TEST, "to DEEP_TEST at once."),
        (QuarantineAction.QUARANTINE, "will refuse it: a GPU that is QUARANTINED"),
        (QuarantineAction(9), "will refuse it"),
    ],
    ids=lambda value: getattr(value, "name", ""),
)
def test_what_an_approval_does_is_foretold(action, words):
    assert words in forecast("approve", _record(action), GpuHealth(state=QUARANTINED))


@pytest.mark.parametrize(
    "health",
    [GpuHealth(state=HEALTHY), GpuHealth(state=QUARANTINED, state_changed_at=NOW + timedelta(seconds=1))],
    ids=["another state", "the same again"],
)
def test_a_gpu_that_changed_since_is_foretold_to_be_left_alone(health):
    assert "OVERTAKEN" in forecast("approve", _record(), health)


@pytest.mark.parametrize("verb", ["deny", "withdraw"])
def test_everything_but_an_approval_leaves_the_gpu_as_it_is(verb):
    assert "stays QUARANTINED" in forecast(verb, _record(), GpuHealth(state=QUARANTINED))
