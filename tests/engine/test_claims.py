"""What the evidence does not show is struck, and a verdict left bare becomes inconclusive."""

from __future__ import annotations

from dataclasses import replace

import pytest

from gcm_sentinel.domain.actions import Action
from gcm_sentinel.domain.assessment import CausalStep, Citation, Claim, RecommendedAction
from gcm_sentinel.domain.entity import gpu, node
from gcm_sentinel.domain.evidence import ResultStatus, ToolResult
from gcm_sentinel.domain.faults import FaultClass
from gcm_sentinel.domain.observed import Observed
from gcm_sentinel.engine.claims import check
from gcm_sentinel.engine.submission import parse


@pytest.fixture
def judge(incident, evidence, bus_result):
    def run(draft, *more):
        gathered = (evidence(bus_result), *more)
        return check(draft, gathered, Observed.of(incident, gathered))

    return run


@pytest.fixture
def draft(submission):
    return parse(submission)


def claim(text="a claim", quote="GPU has fallen off the bus", evidence="E1", *, absence=False):
    return Claim(text, (Citation(evidence, quote),), absence)


def test_a_supported_draft_passes_untouched(judge, draft):
    checked = judge(draft)

    assert checked.clean
    assert checked.draft == draft


@pytest.mark.parametrize(
    ("bad", "reason"),
    [
        (claim(quote="GPU was seen dancing"), "does not stand in E1"),
        (claim(evidence="E9"), "'E9' does not exist"),
        (Claim("no cites", ()), "cites no evidence"),
        (claim(text="gpu-r03-n06 failed too"), "gpu-r03-n06"),
        (claim(text="GPU-12345678-1234-1234-1234-123456789abc failed"), "GPU-12345678"),
    ],
    ids=["invented-quote", "unknown-evidence", "no-citation", "unseen-node", "unseen-gpu"],
)
def test_strikes_a_claim(judge, draft, bad, reason):
    checked = judge(replace(draft, claims=(*draft.claims, bad)))

    assert [item.claim for item in checked.struck] == [bad]
    assert reason in checked.struck[0].reason
    assert checked.draft.claims == draft.claims


def test_each_struck_claim_lowers_the_confidence(judge, draft):
    checked = judge(replace(draft, claims=(*draft.claims, claim(evidence="E9"))))

    assert checked.draft.confidence == pytest.approx(0.45)


def test_a_verdict_without_support_is_inconclusive_and_harmless(judge, draft):
    harmful = (RecommendedAction(Action.DRAIN, node("gpu-r03-n05")), RecommendedAction(Action.WATCH))

    checked = judge(replace(draft, claims=(claim(evidence="E9"),), actions=harmful))

    assert checked.draft.fault_class is FaultClass.INCONCLUSIVE
    assert [item.action for item in checked.draft.actions] == [Action.WATCH]
    assert checked.draft.confidence <= 0.2


def test_a_verdict_without_support_names_no_culprit(judge, draft):
    checked = judge(replace(draft, claims=(claim(evidence="E9"),), causal_chain=(CausalStep("it broke"),)))

    assert checked.draft.entities == ()
    assert checked.draft.causal_chain == ()


def test_nothing_but_bare_absence_supports_no_verdict(judge, draft):
    bare = claim(text="there was no other fault", quote="", absence=True)

    assert judge(replace(draft, claims=(bare,))).draft.fault_class is FaultClass.INCONCLUSIVE


def test_absence_that_a_source_reported_supports_a_verdict(judge, draft, evidence):
    bare = claim(text="nothing was logged", quote="", evidence="E2", absence=True)

    checked = judge(replace(draft, claims=(bare,)), evidence(ToolResult(ResultStatus.NO_DATA, query="q"), number=2))

    assert checked.draft.fault_class is draft.fault_class


def test_an_inconclusive_draft_without_support_may_not_ask_for_harm(judge, draft):
    acts = (RecommendedAction(Action.POWER_CYCLE, node("gpu-r03-n05")), RecommendedAction(Action.ESCALATE))

    checked = judge(replace(draft, fault_class=FaultClass.INCONCLUSIVE, claims=(), actions=acts))

    assert [item.action for item in checked.draft.actions] == [Action.ESCALATE]
    assert not checked.clean


@pytest.mark.parametrize(
    "broken",
    [CausalStep("the slot failed", ("E1", "E9")), CausalStep("gpu-r03-n06 failed first", ("E1",))],
    ids=["unknown-evidence", "unseen-node"],
)
def test_a_link_of_the_chain_that_nothing_shows_is_removed(judge, draft, broken):
    sound = CausalStep("the link dropped", ("E1",))

    checked = judge(replace(draft, causal_chain=(broken, sound)))

    assert checked.draft.causal_chain == (sound,)
    assert "causal chain" in checked.notes[0]


@pytest.mark.parametrize(
    ("status", "stands"),
    [
        (ResultStatus.OK, True),
        (ResultStatus.NO_DATA, True),
        (ResultStatus.ERROR, False),
        (ResultStatus.UNAVAILABLE, False),
    ],
)
def test_absence_may_only_be_claimed_where_the_world_was_looked_at(judge, draft, evidence, status, stands):
    second = evidence(ToolResult(status, query="q"), number=2)
    missing = claim(text="there was no ECC error", quote="", evidence="E2", absence=True)

    checked = judge(replace(draft, claims=(*draft.claims, missing)), second)

    assert (missing in checked.draft.claims) is stands


def test_removes_culprits_and_targets_that_were_never_observed(judge, draft):
    stranger = gpu("gpu-r03-n05", pci="0000:99:00")
    acts = (*draft.actions, RecommendedAction(Action.DRAIN, node("gpu-r09-n01")))

    checked = judge(replace(draft, entities=(*draft.entities, stranger), actions=acts))

    assert stranger not in checked.draft.entities
    assert [item.action for item in checked.draft.actions] == [Action.CORDON]
    assert len(checked.notes) == 2


def test_an_action_on_a_gpu_named_by_its_number_is_about_the_uuid_that_was_seen(judge, draft, evidence):
    shown = ToolResult(ResultStatus.OK, "q", entities=(gpu("gpu-r03-n05", index=3, uuid="GPU-3"),))
    advice = (RecommendedAction(Action.RESET_GPU, gpu("gpu-r03-n05", index=3)),)

    checked = judge(replace(draft, actions=advice), evidence(shown, number=2))

    assert [item.target.uuid for item in checked.draft.actions] == ["GPU-3"]


@pytest.mark.parametrize(("tool", "uuid"), [("query_dcgm_direct", "GPU-2222"), ("query_prometheus", None)])
def test_an_action_by_number_gets_a_uuid_that_no_model_can_have_written(incident, evidence, draft, tool, uuid):
    shown = ToolResult(ResultStatus.OK, "q", entities=(gpu(incident.node, index=2, uuid="GPU-2222"),))
    gathered = (replace(evidence(shown), tool=tool),)
    asked = replace(draft, claims=(), actions=(RecommendedAction(Action.WATCH, gpu(incident.node, index=2)),))

    checked = check(asked, gathered, Observed.of(incident, gathered), nodes=incident.affected)

    assert [item.target and item.target.uuid for item in checked.draft.actions] == [uuid]
