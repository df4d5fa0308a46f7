"""`dryRun=All`: a request is authorized, admitted and validated like any other, and nothing is stored or seen."""

from __future__ import annotations

from typing import Any

import pytest

from sentinel_fleet.kube import JANITOR, Deny, Rules, Webhook

NODES = "/api/v1/nodes"
PODS = "/api/v1/namespaces/team-a/pods"
REQUESTS = f"/apis/{JANITOR}/v1alpha1/rebootnodes"
BUDGET: dict[str, Any] = {
    "apiVersion": "policy/v1",
    "kind": "PodDisruptionBudget",
    "metadata": {"name": "web", "namespace": "team-a"},
    "spec": {"minAvailable": 3, "selector": {"matchLabels": {"app": "web"}}},
}
PATCH = ("PATCH", f"{PODS}/web-1", {"metadata": {"annotations": {"a": "b"}}})
EVICTION = ("POST", f"{PODS}/web-1/eviction", {"kind": "Eviction", "metadata": {"name": "web-1"}})
CREATION = ("POST", REQUESTS, {"metadata": {"name": "r1"}, "spec": {"nodeName": "n", "force": False}})
DELETION = ("DELETE", f"{PODS}/web-1", {"gracePeriodSeconds": 5})


async def dry(api, method, path, body):
    media = "application/merge-patch+json" if method == "PATCH" else "application/json"
    return await api.call(method, path, body, type=media, dryRun="All")


@pytest.mark.parametrize("request_", [PATCH, EVICTION, CREATION, DELETION], ids=["patch", "evict", "create", "delete"])
async def test_it_is_answered_and_leaves_no_trace(api, request_):
    api.store.install(JANITOR)
    before, told = api.store.resource_version, []
    api.store.listen(lambda plural, change: told.append(plural))

    answer = await dry(api, *request_)

    assert answer.status in (200, 201)
    assert (api.store.resource_version, told, api.store.writes) == (before, [], [])
    assert [line.query for line in api.store.dry_runs] == ["dryRun=All"]


async def test_a_budget_holds_it_up_and_is_not_spent(api):
    api.store.put({**BUDGET, "spec": {**BUDGET["spec"], "minAvailable": 2}})
    before = api.store.resource_version
    first, second = await dry(api, *EVICTION), await dry(api, *EVICTION)
    kept = api.store.resource_version
    api.store.put(BUDGET)

    held = await dry(api, *EVICTION)

    assert ([first.status, second.status], kept) == ([201, 201], before)
    assert held.status == 429
    assert "The disruption budget web needs 3 healthy pods" in held.text


@pytest.mark.parametrize(
    ("method", "path", "body", "status"),
    [
        ("POST", REQUESTS, {"metadata": {"name": "Not_A_Name"}}, 422),
        ("PATCH", f"{PODS}/nobody", {}, 404),
        ("PATCH", f"{PODS}/web-1", {"metadata": {"resourceVersion": "1"}}, 409),
        ("DELETE", f"{PODS}/web-1", {"preconditions": {"uid": "another"}}, 409),
    ],
    ids=["not valid", "not there", "changed", "another"],
)
async def test_it_is_refused_as_the_request_itself_would_be(api, method, path, body, status):
    api.store.install(JANITOR)

    assert (await dry(api, method, path, body)).status == status


class TestWhereItIsDenied:
    """By a role."""

    @pytest.fixture
    def rules(self):
        return Rules(deny=(Deny(verbs=("create",), resources=("pods/eviction",)),))

    async def test_it_is_forbidden(self, api):
        assert (await dry(api, *EVICTION)).status == 403


@pytest.mark.parametrize("code", [400, 403])
async def test_a_webhook_denies_it_and_the_request_in_the_same_words(api, code):
    api.store.webhooks.append(Webhook("w.example", "not on Fridays", ("patch",), ("pods",), code))

    tried, sent = await dry(api, *PATCH), await api.patch(PATCH[1], PATCH[2])
    other = await dry(api, *EVICTION)

    assert [tried.status, sent.status, other.status] == [code, code, 201]
    assert tried.json["message"] == sent.json["message"]
    assert tried.json["message"] == 'admission webhook "w.example" denied the request: not on Fridays'


async def test_a_webhook_with_side_effects_fails_the_dry_run_alone(api):
    api.store.webhooks.append(Webhook("w.example", "", denies=False, side_effects=True))

    tried, sent = await dry(api, *PATCH), await api.patch(PATCH[1], PATCH[2])

    assert (tried.status, sent.status) == (400, 200)
    assert tried.json["message"] == 'admission webhook "w.example" does not support dry run'
