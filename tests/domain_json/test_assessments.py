"""An assessment written as JSON reads back as the same value, and damaged JSON says where."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gcm_sentinel.domain.actions import Action
from gcm_sentinel.domain.assessment import Assessment, Draft, Outcome, RecommendedAction, Severity, Spend
from gcm_sentinel.domain.assessment_json import (
    assessment_from_json,
    assessment_to_json,
    draft_from_json,
    draft_to_json,
    spend_from_json,
    spend_to_json,
)
from gcm_sentinel.domain.entity import gpu
from gcm_sentinel.domain.errors import BadConfiguration
from gcm_sentinel.domain.faults import FaultClass


@settings(deadline=None)
@given(data=st.data())
def test_an_assessment_reads_back_equal(assessments, data):
    assessment = data.draw(assessments)

    again = assessment_from_json(json.loads(json.dumps(assessment_to_json(assessment))))

    assert again == assessment


@settings(deadline=None)
@given(data=st.data())
def test_a_draft_reads_back_equal(drafts, data):
    draft = data.draw(drafts)

    assert draft_from_json(json.loads(json.dumps(draft_to_json(draft)))) == draft


def test_an_unknown_price_stays_unknown():
    spend = Spend(rounds=2, input_tokens=10, cost_usd=None)

    assert spend_from_json(json.loads(json.dumps(spend_to_json(spend)))) == spend


@pytest.fixture
def written():
    """A small assessment as JSON."""
    action = RecommendedAction(Action.RESET_GPU, gpu("gpu-7", index=3), "it hangs")
    draft = Draft(Severity.WARNING, FaultClass.GSP_HANG, "s", "r", 0.5, actions=(action,))
    moment = datetime(2026, 11, 20, 3, tzinfo=UTC)
    value = Assessment("inc-1", "gpu-7", "K", Outcome.CONCLUDED, draft, (), "playbook", "", moment)
    loaded: dict[str, Any] = json.loads(json.dumps(assessment_to_json(value)))
    return loaded


def test_an_entity_written_before_serial_numbers_has_none(written):
    del written["draft"]["actions"][0]["target"]["serial"]

    target = assessment_from_json(written).draft.actions[0].target

    assert target == gpu("gpu-7", index=3)


@pytest.mark.parametrize(
    ("path", "value", "says"),
    [
        (("outcome",), "maybe", "assessment.outcome: 'maybe' is not known"),
        (("created_at",), "today", "assessment.created_at: 'today' is not an ISO-8601 time"),
        (("draft", "confidence"), "high", "assessment.draft.confidence: expected float, found str"),
        (("draft", "fault_class"), "gremlins", "assessment.draft.fault_class: 'gremlins' is not known"),
        (("draft", "actions", 0, "target"), 7, r"assessment.draft.actions\[0\].target: expected an object"),
        (("spend", "rounds"), None, "assessment.spend.rounds: expected int, found nothing"),
    ],
    ids=lambda value: ".".join(map(str, value)) if isinstance(value, tuple) else None,
)
def test_damaged_json_says_where(path, value, says, written):
    place = written
    for step in path[:-1]:
        place = place[step]
    place[path[-1]] = value

    with pytest.raises(BadConfiguration, match=says):
        assessment_from_json(written)
