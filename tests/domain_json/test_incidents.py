"""Incidents, triggers and evidence written as JSON read back as the same values, old files included."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gcm_sentinel.domain.assessment_json import (
    evidence_from_json,
    evidence_to_json,
    incident_from_json,
    incident_to_json,
    trigger_from_json,
    trigger_to_json,
)
from gcm_sentinel.domain.errors import BadConfiguration


@settings(deadline=None)
@given(data=st.data())
def test_an_incident_reads_back_equal(incidents, data):
    incident = data.draw(incidents)

    assert incident_from_json(json.loads(json.dumps(incident_to_json(incident)))) == incident


@settings(deadline=None)
@given(data=st.data())
def test_a_trigger_reads_back_equal(triggers, data):
    trigger = data.draw(triggers)

    assert trigger_from_json(json.loads(json.dumps(trigger_to_json(trigger)))) == trigger


@settings(deadline=None)
@given(data=st.data())
def test_evidence_reads_back_equal(evidence, data):
    piece = data.draw(evidence)

    assert evidence_from_json(json.loads(json.dumps(evidence_to_json(piece)))) == piece


@pytest.fixture
def written():
    """An incident as it was written before it had a revision, a scope and a list of nodes."""
    moment = "2026-11-20T03:00:00+00:00"
    trigger = {"source": "manual", "node": "gpu-7", "kind": "K", "status": "problem", "reason": "", "message": ""}
    incident: dict[str, Any] = {"id": "i", "opened_at": moment, "triggers": [{**trigger, "observed_at": moment}]}
    return incident


def test_an_old_incident_is_the_first_revision_of_its_leads_node(written):
    incident = incident_from_json(written)

    assert (incident.revision, incident.scope, incident.nodes) == (1, None, ())
    assert (incident.affected, incident.investigation_id) == (("gpu-7",), "i.1")


@pytest.mark.parametrize(
    ("key", "value", "says"),
    [
        ("triggers", [], "incident.triggers: an incident has at least one trigger"),
        ("revision", "two", "incident.revision: expected int, found str"),
        ("scope", {"kind": "rack"}, "incident.scope.key: expected str, found nothing"),
        ("nodes", "gpu-7", "incident.nodes: expected list, found str"),
    ],
)
def test_a_damaged_incident_says_where(key, value, says, written):
    with pytest.raises(BadConfiguration, match=says):
        incident_from_json({**written, key: value})
