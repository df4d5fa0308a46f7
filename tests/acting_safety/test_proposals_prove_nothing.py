"""What the agent means to do is no observation: no claim rests on it, and it shows nobody to exist."""

from __future__ import annotations

from dataclasses import replace

import pytest
from tests.acting_safety.conftest import NODE, OTHER, sighting
from tests.storage.given import NOW, assessment, trigger

from gcm_sentinel.domain.assessment import CausalStep, Citation, Claim
from gcm_sentinel.domain.entity import Entity, EntityKind
from gcm_sentinel.domain.evidence import DESK, Evidence
from gcm_sentinel.domain.gate import Ruling, Verdict
from gcm_sentinel.domain.observed import Observed
from gcm_sentinel.domain.operations import Operation
from gcm_sentinel.domain.order import ActionTarget, Order
from gcm_sentinel.domain.ownership import NodeMarks
from gcm_sentinel.domain.protocols import Scope
from gcm_sentinel.domain.remediation import Affected, Plan
from gcm_sentinel.domain.trigger import Incident
from gcm_sentinel.engine.claims import check
from gcm_sentinel.llm.playbook.observations import observe
from gcm_sentinel.remediation.proposals import noted
from gcm_sentinel.remediation.survey import sighting_of

INCIDENT = Incident("inc-1", (trigger(NODE),), NOW)
ORDER = Order(Operation.CORDON_NODE, ActionTarget("node", OTHER, f"uid-{OTHER}"), "inc-1", "inc-1.1", reason="Xid 79")
PLAN = Plan(ORDER, NodeMarks(), affects=(Affected("jobs/train-0", "PyTorchJob/train", 8),), notes=("Xid 79 seen",))
NOTED = Evidence("E2", DESK, "cordon_node", {}, noted(PLAN, Ruling(Verdict.ASK, ("Xid 79",))), NOW, "d")
SEEN = sighting(NODE, NOW)


def claims(*claims: Claim):
    return replace(assessment().draft, claims=claims, entities=(), actions=())


def test_the_desk_shows_nothing_to_exist():
    assert NOTED.result.entities == ()


@pytest.mark.parametrize(
    "item", [NOTED, replace(NOTED, result=replace(NOTED.result, entities=(Entity(EntityKind.NODE, OTHER),)))]
)
def test_what_is_proposed_was_not_seen(item):
    scope = Scope(INCIDENT, (SEEN, item))

    assert not Observed.of(INCIDENT, (SEEN, item)).has(Entity(EntityKind.NODE, OTHER))
    assert sighting_of(ORDER, scope) is None


@pytest.mark.parametrize("quote", ["Xid 79 seen", "digest = " + ORDER.digest, ""])
@pytest.mark.parametrize("absence", [False, True])
def test_a_claim_that_cites_a_proposal_is_struck(quote, absence):
    claim = Claim("Xid 79 was seen", (Citation("E2", quote),), absence=absence)

    checked = check(claims(claim), (SEEN, NOTED), Observed.of(INCIDENT, (SEEN, NOTED)))

    assert [item.reason for item in checked.struck] == [
        "E2 is a proposal of ours: what we mean to do proves nothing about a fault"
    ]
    assert str(checked.draft.fault_class) == "inconclusive"


def test_one_good_citation_does_not_carry_a_proposal_along():
    claim = Claim("the node is there", (Citation("E1", f"name = {NODE}"), Citation("E2", "Xid 79 seen")))

    assert check(claims(claim), (SEEN, NOTED), Observed.of(INCIDENT, (SEEN,))).struck


def test_a_causal_chain_does_not_rest_on_a_proposal():
    good = Claim("the node is there", (Citation("E1", f"name = {NODE}"),))
    draft = replace(claims(good), causal_chain=(CausalStep("first", ("E1",)), CausalStep("then", ("E2",))))

    checked = check(draft, (SEEN, NOTED), Observed.of(INCIDENT, (SEEN,)))

    assert [link.text for link in checked.draft.causal_chain] == ["first"]


def test_the_playbook_takes_no_proposal_for_something_it_looked_at():
    later = replace(NOTED, observed_at=NOW.replace(hour=9))
    refused = replace(
        later, id="E3", result=replace(NOTED.result, status=type(NOTED.result.status).ERROR, note="Refused")
    )

    assert observe(INCIDENT, (SEEN, later, refused)) == observe(INCIDENT, (SEEN,))
