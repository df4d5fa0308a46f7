"""What was refused, asked too late, or given up by a newer investigation is not done by asking again."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest
from tests.acting_gate.conftest import NODE, NOW, advice, world

from gcm_sentinel.domain.action_record import ActionRecord, ActionState, Refusal
from gcm_sentinel.domain.actions import Action
from gcm_sentinel.domain.advice import NewerAdvice
from gcm_sentinel.domain.assessment import Outcome
from gcm_sentinel.domain.gate import Sighting, Verdict, decide


def after(case, refusal):
    """The same order once more, after one that ended so."""
    before = ActionRecord(case.order, "execute", NOW, ActionState.REFUSED, note="ada refused", refusal=refusal)
    return replace(case, world=world(earlier=(before,)))


def test_a_persons_no_binds_for_the_rest_of_the_incident(case):
    ruling = decide(after(case, Refusal.PERSON))

    assert ruling.verdict is Verdict.REFUSED
    assert "a person has refused cordon_node on gpu-node-1 in this incident (ada refused)" in ruling.reason


def test_what_nobody_decided_in_time_is_asked_again(case):
    ruling = decide(after(case, Refusal.EXPIRED))

    assert ruling.verdict is Verdict.ASK
    assert "no decision about it holds any more" in ruling.reason


def test_what_the_gate_refused_may_run_when_the_world_has_changed(case):
    assert decide(after(case, Refusal.RULED)).verdict is Verdict.ALLOWED


NEWER = {
    "watches": NewerAdvice("inc-1.2", advice(Action.WATCH), (NODE,)),
    "did not conclude": NewerAdvice("inc-1.2", advice(Action.CORDON, outcome=Outcome.PARTIAL), (NODE,)),
    "cannot be read": NewerAdvice("inc-1.2", None),
}


@pytest.mark.parametrize("newer", NEWER.values(), ids=list(NEWER))
def test_an_order_that_a_newer_investigation_does_not_advise_is_over(case, newer):
    ruling = decide(replace(case, world=world(newer=newer)))

    assert ruling.verdict is Verdict.REFUSED
    assert "investigation inc-1.2 of the same incident is newer and does not advise it any more" in ruling.reason


def test_an_order_that_a_newer_investigation_advises_too_goes_on(case):
    same = NewerAdvice("inc-1.2", advice(Action.CORDON), (NODE,))

    assert decide(replace(case, world=world(newer=same))).verdict is Verdict.ALLOWED


@pytest.mark.parametrize(("hours", "verdict"), [(3, Verdict.ALLOWED), (3.1, Verdict.REFUSED)])
def test_an_order_does_not_rest_on_what_was_long_ago(case, hours, verdict):
    long_ago = NOW - timedelta(hours=hours)
    seen = replace(case, sighting=Sighting("E4", long_ago))
    assessed = replace(case, assessment=replace(advice(Action.CORDON), created_at=long_ago))

    assert [decide(one).verdict for one in (seen, assessed)] == [verdict, verdict]
