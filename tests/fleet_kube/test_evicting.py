"""The eviction API and the budgets that stand against it."""

from __future__ import annotations

import asyncio

import pytest

from sentinel_fleet.kube import KubeSettings

PODS = "/api/v1/namespaces/team-a/pods"
BUDGET = "/apis/policy/v1/namespaces/team-a/poddisruptionbudgets/web"


def eviction(name, **more):
    return {"apiVersion": "policy/v1", "kind": "Eviction", "metadata": {"name": name, "namespace": "team-a"}, **more}


async def evict(api, name, **more):
    return await api.post(f"{PODS}/{name}/eviction", eviction(name, **more))


def budget(name="web", app="web", **spec):
    metadata = {"name": name, "namespace": "team-a", "generation": 1}
    wanted = {"selector": {"matchLabels": {"app": app}}, **spec}
    return {"apiVersion": "policy/v1", "kind": "PodDisruptionBudget", "metadata": metadata, "spec": wanted}


class TestWhileThePodEnds:
    """A pod that takes its time to end."""

    @pytest.fixture
    def settings(self):
        return KubeSettings(pod_grace_s=30.0)

    async def test_evicts_a_pod_nobody_protects(self, api):
        answer = await evict(api, "web-1")

        pod = (await api.get(f"{PODS}/web-1")).json
        assert (answer.status, answer.json["status"]) == (201, "Success")
        assert pod["metadata"]["deletionTimestamp"]
        assert pod["status"]["conditions"][-1]["type"] == "DisruptionTarget"


async def test_a_spent_budget_refuses_and_says_why(api):
    api.store.put(budget(minAvailable=3))

    answer = await evict(api, "web-1")

    assert (answer.status, answer.json["reason"]) == (429, "TooManyRequests")
    assert answer.json["message"] == "Cannot evict pod as it would violate the pod's disruption budget."
    assert answer.json["details"]["causes"] == [
        {"reason": "DisruptionBudget", "message": "The disruption budget web needs 3 healthy pods and has 3 currently"}
    ]
    assert "Retry-After" not in answer.headers


class TestAskingForPatience:
    """A server that names a delay."""

    @pytest.fixture
    def settings(self):
        return KubeSettings(eviction_retry_after_s=10)

    async def test_a_refusal_carries_it(self, api):
        api.store.put(budget(minAvailable=3))

        answer = await evict(api, "web-1")

        assert (answer.headers["Retry-After"], answer.json["details"]["retryAfterSeconds"]) == ("10", 10)


async def test_one_eviction_spends_the_budget_until_a_replacement_is_ready(api, make_pod):
    api.store.put(budget(minAvailable=2))

    first, second = await evict(api, "web-1"), await evict(api, "web-2")
    api.store.put(make_pod("web-4"))
    third = await evict(api, "web-2")

    assert [answer.status for answer in (first, second, third)] == [201, 429, 201]


@pytest.mark.parametrize(
    ("spec", "allowed"),
    [
        ({"minAvailable": 1}, 2),
        ({"minAvailable": "50%"}, 1),
        ({"minAvailable": "100%"}, 0),
        ({"maxUnavailable": 1}, 1),
        ({"maxUnavailable": "34%"}, 2),
        ({}, 2),
    ],
    ids=str,
)
async def test_counts_what_a_budget_allows(api, spec, allowed):
    api.store.put(budget(**spec))

    answer = await api.get(BUDGET)

    assert answer.json["status"]["disruptionsAllowed"] == allowed


async def test_replicas_that_are_missing_count_against_the_budget(api, make_pod):
    replica_set = {"apiVersion": "apps/v1", "kind": "ReplicaSet", "metadata": {"name": "s", "namespace": "team-a"}}
    uid = api.store.put({**replica_set, "spec": {"replicas": 5}})["metadata"]["uid"]
    for number in range(3):
        owner = {"apiVersion": "apps/v1", "kind": "ReplicaSet", "name": "s", "uid": uid}
        api.store.put(make_pod(f"s-{number}", app="s", ownerReferences=[owner]))

    api.store.put(budget(app="s", maxUnavailable=2))

    assert (await api.get(BUDGET)).json["status"] == {
        "currentHealthy": 3,
        "desiredHealthy": 3,
        "disruptionsAllowed": 0,
        "expectedPods": 5,
        "observedGeneration": 1,
    }


async def test_the_status_follows_the_pods(api):
    api.store.put(budget(minAvailable=2))

    api.store.patch(
        "pods", "web-1", {"status": {"conditions": [{"type": "Ready", "status": "False"}]}}, namespace="team-a"
    )

    assert (await api.get(BUDGET)).json["status"]["currentHealthy"] == 2


@pytest.mark.parametrize("phase", ["Succeeded", "Failed", "Pending"])
async def test_budgets_do_not_protect_pods_that_serve_nothing(api, phase):
    api.store.put(budget(minAvailable=3))
    api.store.patch("pods", "web-1", {"status": {"phase": phase}}, namespace="team-a")

    assert (await evict(api, "web-1")).status == 201


@pytest.mark.parametrize(("policy", "status"), [("AlwaysAllow", 201), ("IfHealthyBudget", 429)])
async def test_an_unhealthy_pod_goes_where_policy_says_so(api, policy, status):
    api.store.put(budget(minAvailable=3, unhealthyPodEvictionPolicy=policy))
    api.store.patch(
        "pods", "web-1", {"status": {"conditions": [{"type": "Ready", "status": "False"}]}}, namespace="team-a"
    )

    assert (await evict(api, "web-1")).status == status


async def test_two_budgets_over_one_pod_are_an_error(api):
    api.store.put(budget("one"))
    api.store.put(budget("two"))

    answer = await evict(api, "web-1")

    assert answer.status == 500
    assert "more than one PodDisruptionBudget" in answer.json["message"]


@pytest.mark.parametrize("field", ["uid", "resourceVersion"])
async def test_a_precondition_that_does_not_hold_is_a_conflict(api, field):
    answer = await evict(api, "web-1", deleteOptions={"preconditions": {field: "another"}})

    assert (answer.status, answer.json["reason"]) == (409, "Conflict")
    assert "deletionTimestamp" not in (await api.get(f"{PODS}/web-1")).json["metadata"]


@pytest.mark.parametrize("name", ["nobody", "web-1"], ids=["no pod", "other name in the body"])
async def test_refuses_what_names_no_pod(api, name):
    answer = await api.post(f"{PODS}/nobody/eviction", eviction(name))

    assert answer.status == (404 if name == "nobody" else 400)


async def test_a_dry_run_evicts_nothing(api):
    answer = await evict(api, "web-1", deleteOptions={"dryRun": ["All"]})

    assert answer.status == 201
    assert "deletionTimestamp" not in (await api.get(f"{PODS}/web-1")).json["metadata"]


async def test_an_evicted_pod_vanishes_for_a_watcher(api):
    async with api.watch(PODS, resourceVersion=api.store.resource_version) as watch:
        await evict(api, "web-1")
        async with asyncio.timeout(5):
            types = [event["type"] for event in [await watch.next() for _ in range(3)]]

    assert types == ["MODIFIED", "MODIFIED", "DELETED"]


class TestTryingAgain:
    """A real server tries ten seconds long; how long is a setting."""

    @pytest.fixture
    def settings(self):
        return KubeSettings(wrong_uid_retry_s=0.05)

    async def test_another_uid_is_refused_only_then(self, api):
        began_s = asyncio.get_running_loop().time()

        answer = await evict(api, "web-1", deleteOptions={"preconditions": {"uid": "another"}})

        assert answer.status == 409
        assert asyncio.get_running_loop().time() - began_s >= 0.05
