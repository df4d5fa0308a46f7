"""Before a person is asked, and before an order is begun, its requests are tried; what is refused then is not asked."""

from __future__ import annotations

import pytest
from tests.acting.conftest import action, assessed, decision, question, replies
from tests.acting.test_draining import drains, put_pod

from gcm_sentinel.domain.action_record import ActionState
from gcm_sentinel.domain.foreseen import foreseen
from sentinel_fleet.kube import Webhook

NOT_THIS_ONE = Webhook("nodes.example", "this node is golden", ("patch",), ("nodes",))
BUDGET = {
    "apiVersion": "policy/v1",
    "kind": "PodDisruptionBudget",
    "metadata": {"name": "keep-web", "namespace": "default"},
    "spec": {"minAvailable": 1, "selector": {"matchLabels": {"app": "web"}}},
}


@pytest.mark.parametrize("mode", ["approve", "execute"])
@pytest.mark.slow
async def test_what_would_be_denied_is_answered_to_the_engine_and_goes_no_further(site, mode):
    site.fleet.store.webhooks.append(NOT_THIS_ONE)
    model = site.cordons()

    async with site.serving(mode, model) as stores:
        await assessed(stores)
        orders = await stores.actions.in_state(*ActionState)

    [told] = replies(model, "cordon_node")
    assert "the API server would refuse it" in told
    assert "this node is golden" in told
    assert (list(orders), site.writes) == ([], [])


@pytest.mark.slow
async def test_what_would_be_denied_by_the_time_it_is_approved_is_not_begun(site):
    async with site.serving("approve", site.cordons()) as stores:
        asked = await question(stores)
        site.fleet.store.webhooks.append(NOT_THIS_ONE)
        await stores.approvals.decide(asked.id, decision(asked))
        record = await action(stores, ActionState.REFUSED)

    assert "this node is golden" in record.note
    assert (record.started_at, site.writes) == (None, [])


async def test_a_budget_that_would_be_waited_for_is_noted_for_the_person(site):
    site.fleet.store.put(BUDGET)
    put_pod(site, "web-1")
    pod = site.fleet.store.get("pods", "web-1", "default")
    site.fleet.store.put({**pod, "metadata": {**pod["metadata"], "labels": {"app": "web"}}})

    async with site.serving("approve", drains(site)) as stores:
        asked = await question(stores)
        [record] = await stores.actions.in_state(ActionState.WAITING)
        known = foreseen(asked.digest, await stores.evidence.all(record.order.investigation_id))

    assert known is not None
    assert "dry run: default/web-1: would wait for budget keep-web" in known.notes
    assert site.writes == []


async def test_what_the_gate_refuses_is_not_even_tried(site):
    model = site.cordons(site.others[0])

    async with site.serving("execute", model) as stores:
        await assessed(stores)

    assert "not one of those this incident is about" in replies(model, "cordon_node")[0]
    assert site.fleet.store.dry_runs == []
