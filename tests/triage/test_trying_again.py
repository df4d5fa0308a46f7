"""Failures never silence: a failed investigation is tried again, and so is one the LLM could not answer itself."""

from __future__ import annotations

from dataclasses import replace

import pytest
from tests.triage.shelf import Shelf, problem

from gcm_sentinel.domain.incident_record import IncidentState, InvestigationState, Why
from gcm_sentinel.domain.triage_changes import Investigate
from gcm_sentinel.triage.policy import Policy


def incident(policy=None, **fields):
    """A shelf with one open incident asked about two seconds after T0."""
    shelf = Shelf(policy or Policy(llm_available=True))
    shelf.store(problem("gpu-1"))
    shelf.decide(2)
    shelf.investigated(**fields)
    return shelf


def asked(changes):
    return [(change.revision, change.why) for change in changes if isinstance(change, Investigate)]


@pytest.mark.parametrize(("failures", "pause_s"), [(1, 600), (2, 1200), (3, 2400), (5, 9600), (50, 9600)])
def test_a_failed_investigation_is_tried_again_after_growing_pauses(failures, pause_s):
    shelf = incident(state=InvestigationState.FAILED, failures=failures)

    assert shelf.next_due(100) == 2 + pause_s
    assert shelf.decide(1 + pause_s) == ()
    assert asked(shelf.decide(2 + pause_s)) == [(2, Why.RETRY)]


def test_what_recovered_is_not_tried_again():
    shelf = incident(state=InvestigationState.FAILED, failures=1)
    for id_, found in shelf.incidents.items():
        shelf.incidents[id_] = replace(found, state=IncidentState.RECOVERING, quiet_since=found.opened_at, flaps=9)
    shelf.symptoms.clear()

    assert asked(shelf.decide(602)) == []


def test_the_llm_looks_again_at_what_the_playbook_answered_for_it():
    shelf = incident(stand_in=True)

    assert shelf.next_due(3) == 902
    assert asked(shelf.decide(902)) == [(2, Why.REVISIT)]


@pytest.mark.parametrize(
    ("policy", "fields"),
    [
        (Policy(llm_available=False), {"stand_in": True}),
        (Policy(llm_available=True), {"stand_in": False}),
        (Policy(llm_available=True), {"stand_in": True, "revisits": 3}),
    ],
    ids=["no-llm", "its-own-answer", "three-times"],
)
def test_it_does_not_look_again(policy, fields):
    shelf = incident(policy, **fields)

    assert shelf.decide(90_000) == ()
    assert shelf.next_due(90_000) is None


def test_a_running_investigation_is_not_tried_again():
    shelf = incident(state=InvestigationState.RUNNING, stand_in=True, failures=2)

    assert shelf.decide(90_000) == ()
