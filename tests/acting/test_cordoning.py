"""From a proposal to a verified cordon, over the real protocols: who decides, what is sent, and what is not."""

from __future__ import annotations

import asyncio
from dataclasses import replace

import pytest
from tests.acting.conftest import action, assessed, decision, question, replies, until

from gcm_sentinel.app.approval_book import Book
from gcm_sentinel.app.clock import SystemClock
from gcm_sentinel.domain.action_record import ActionState, Refusal
from gcm_sentinel.domain.errors import Refused
from gcm_sentinel.domain.transcript import SUBMIT_TOOL
from gcm_sentinel.llm.scripted import ScriptedModel, calling
from gcm_sentinel.storage.incidents import IncidentFilter

DONE, REFUSED, WAITING = ActionState.DONE, ActionState.REFUSED, ActionState.WAITING


async def test_execute_cordons_the_node_and_sees_it_through(site):
    async with site.serving("execute", site.cordons()) as stores:
        record = await action(stores, DONE)

    assert site.cordoned == [site.node]
    assert site.writes == [f"PATCH /api/v1/nodes/{site.node}"]
    assert record.note == f"node {site.node} is cordoned by gcm-sentinel"


async def test_approve_waits_for_a_person_and_sends_nothing(site):
    async with site.serving("approve", site.cordons()) as stores:
        asked = await question(stores)
        record = await action(stores, WAITING)
        kept = stores.actions, stores.approvals, stores.evidence, stores.investigations
        told = await Book(*kept, SystemClock()).whole(asked, record)

    assert told.because is not None
    assert told.because.draft.confidence == 0.9
    assert record.ruling == "in mode approve a person decides about every action"
    assert site.writes == []


async def test_what_a_person_approves_is_done(site):
    async with site.serving("approve", site.cordons()) as stores:
        asked = await question(stores)
        await stores.approvals.decide(asked.id, decision(asked))
        await action(stores, DONE)

    assert site.cordoned == [site.node]


@pytest.mark.slow
async def test_what_a_person_denies_is_not_done(site):
    async with site.serving("approve", site.cordons()) as stores:
        asked = await question(stores)
        await stores.approvals.decide(asked.id, decision(asked, approve=False))
        record = await action(stores, REFUSED)

    assert record.note == "ada refused by cli: seen"
    assert site.writes == []


async def test_a_decision_about_another_order_does_not_count(site):
    async with site.serving("approve", site.cordons()) as stores:
        asked = await question(stores)
        with pytest.raises(Refused, match="look at it again"):
            await stores.approvals.decide(asked.id, replace(decision(asked), digest="0" * 64))

    assert site.writes == []


@pytest.mark.slow
async def test_an_approval_outlives_a_restart(site):
    async with site.serving("approve", site.cordons()) as stores:
        asked = await question(stores)
        await stores.approvals.decide(asked.id, decision(asked))
    async with site.serving("approve", site.model()) as stores:
        await action(stores, DONE)

    assert site.writes == [f"PATCH /api/v1/nodes/{site.node}"]


@pytest.mark.slow
async def test_an_approval_is_no_pardon_for_a_changed_world(site):
    async with site.serving("approve", site.cordons()) as stores:
        asked = await question(stores)
        node = site.fleet.store.get("nodes", site.node)
        labels = {**node["metadata"]["labels"], "dgxc.nvidia.com/nvsentinel-state": "draining"}
        site.fleet.store.put({**node, "metadata": {**node["metadata"], "labels": labels}}, manager="nvsentinel")
        await stores.approvals.decide(asked.id, decision(asked))
        record = await action(stores, REFUSED)

    assert "is kept by NVSentinel (label dgxc.nvidia.com/nvsentinel-state=draining)" in record.note
    assert site.writes == []


@pytest.mark.parametrize(
    ("verdict", "reason"),
    [
        (("watch",), "the assessment advises none of"),
        (("cordon", 0.5), "its confidence is 50%, below the 80%"),
    ],
)
async def test_the_assessment_decides_whether_a_proposal_goes_on(site, verdict, reason):
    actions = [item for item in verdict if isinstance(item, str)]
    confidence = next((item for item in verdict if isinstance(item, float)), 0.9)
    model = site.cordons(verdict=site.verdict(*actions, confidence=confidence))

    async with site.serving("execute", model) as stores:
        record = await action(stores, REFUSED, WAITING)

    assert reason in record.ruling
    assert site.writes == []


@pytest.mark.slow
async def test_advice_for_another_node_carries_nothing_out_here(site):
    model = site.cordons(verdict=site.verdict("cordon", node=site.others[0]))

    async with site.serving("execute", model) as stores:
        record = await action(stores, REFUSED)

    assert "advises none of" in record.note
    assert site.writes == []


async def test_a_protected_node_is_not_touched(site):
    model = site.cordons()

    async with site.serving("execute", model, protected_nodes=(site.node,)) as stores:
        await assessed(stores)

    assert "is protected by name" in replies(model, "cordon_node")[0]
    assert site.writes == []


async def test_a_fleet_with_enough_nodes_out_keeps_the_rest(site):
    other = site.fleet.store.get("nodes", site.others[0])
    site.fleet.store.put({**other, "spec": {**other["spec"], "unschedulable": True}}, manager="kubectl-cordon")
    model = site.cordons()

    async with site.serving("execute", model) as stores:
        await assessed(stores)

    assert "2 of 4 GPU nodes would be out of service, 1 may be" in replies(model, "cordon_node")[0]
    assert site.writes == []


@pytest.mark.parametrize("mode", ["recommend", "annotate"])
async def test_observing_modes_offer_no_such_tool_and_refuse_its_name(site, mode):
    model = site.cordons()

    async with site.serving(mode, model) as stores:
        await assessed(stores)

    offered = {spec.name for spec in model.asked[0][1]}
    assert not offered & {"cordon_node", "uncordon_node"}
    assert "cordon_node" in replies(model, "cordon_node")[0]
    assert site.writes == []


@pytest.mark.slow
async def test_a_model_that_asks_wrongly_is_told_why(site):
    """Another node, a prefix of the name, no node at all, an undoing, an invented tool, the same thing twice."""
    asks = [
        ("cordon_node", {"node_name": site.others[0], "reason": "r"}),
        ("cordon_node", {"node_name": site.node[:-1], "reason": "r"}),
        ("cordon_node", {"node_name": "../pods", "reason": "r"}),
        ("uncordon_node", {"node_name": site.node, "reason": "r"}),
        ("delete_node", {"node_name": site.node}),
    ]
    good = ("cordon_node", {"node_name": site.node, "reason": "r"})
    model = site.model(calling(*asks), calling(good), calling(good), calling((SUBMIT_TOOL, site.verdict("cordon"))))

    async with site.serving("approve", model) as stores:
        await question(stores)

    told = replies(model, "cordon_node")
    assert "is not one of those this incident is about" in told[0]
    assert "not found" in told[1] or "404" in told[1]
    assert "is no node name" in told[2]
    assert "cordon_node" in replies(model, "uncordon_node")[0]
    assert "delete_node" in replies(model, "delete_node")[0]
    assert "dry_run" in told[3]
    assert "proposed the same already" in told[4]
    assert site.writes == []


async def test_a_node_that_nobody_looked_at_is_not_acted_on(site):
    ask = {"node_name": site.node, "reason": "r"}
    blind = ScriptedModel([calling(("cordon_node", ask))])

    async with site.serving("execute", blind) as stores:
        await assessed(stores)

    assert "look at it first" in replies(blind, "cordon_node")[0]
    assert site.writes == []


@pytest.mark.slow
async def test_two_agents_on_one_database_do_it_once(site):
    async with site.serving("approve", site.cordons()) as stores:
        asked = await question(stores)
        await stores.approvals.decide(asked.id, decision(asked))
        await asyncio.sleep(0)
        await action(stores, DONE)

    async with site.serving("approve", site.model()) as stores:
        await action(stores, DONE)

    assert len(site.writes) == 1


@pytest.mark.slow
async def test_what_a_person_refused_is_not_done_when_a_surer_investigation_asks_again(site):
    doubtful = site.verdict("cordon", confidence=0.5)
    async with site.serving("execute", site.cordons(verdict=doubtful)) as stores:
        asked = await question(stores)
        await stores.approvals.decide(asked.id, decision(asked, approve=False))
        assert (await action(stores, REFUSED)).refusal is Refusal.PERSON
    surer = site.cordons()
    async with site.serving("execute", surer) as stores:
        (row,) = await stores.incidents.list(IncidentFilter())
        await stores.incidents.request_reinvestigate(row.record.id, "cron")

        async def both():
            found = await stores.incidents.get(row.record.id)
            return [one for one in found.investigations if one.outcome is not None][1:]

        await until(both)

    (told,) = replies(surer, "cordon_node")
    assert "a person has refused cordon_node" in told
    assert site.cordoned == []
