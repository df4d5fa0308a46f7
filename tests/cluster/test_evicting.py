"""Evictions within and against a disruption budget, as a real API server and its controllers see it."""

from __future__ import annotations

import pytest
from tests.cluster.servers import until
from tests.cluster.things import budget, deployment

from gcm_sentinel.domain.errors import NotFound, Overloaded, Rejected
from gcm_sentinel.tools import pods as tool_pods

_WITHIN_S = 60


def running(cluster, namespace, app):
    found = cluster.admin.items(f"/api/v1/namespaces/{namespace}/pods", labelSelector=f"app={app}")
    return [pod for pod in found if pod["status"]["phase"] == "Running"]


@pytest.fixture
def pods(cluster, namespace, make_node):
    """Two running pods of one workload."""
    make_node()
    cluster.admin.create(deployment("web", namespace, 2))
    until(lambda: len(running(cluster, namespace, "web")) == 2, _WITHIN_S, "two pods run")
    return running(cluster, namespace, "web")


def protect(cluster, namespace, **spec):
    """A budget, once its controller has counted the pods."""
    made = budget("web", namespace, "web", **spec)
    cluster.admin.create(made)
    path = f"/apis/policy/v1/namespaces/{namespace}/poddisruptionbudgets/web"
    until(lambda: cluster.admin.get(path)["status"].get("currentHealthy") == 2, _WITHIN_S, "the budget is counted")


async def evict(client, pod):
    call = tool_pods.eviction(pod)
    return await client.create(call.path, call.body)


async def test_an_evicted_pod_goes(client, cluster, namespace, pods):
    name = pods[0]["metadata"]["name"]

    answer = await evict(client, pods[0])

    assert answer["status"] == "Success"
    path = f"/api/v1/namespaces/{namespace}/pods/{name}"
    until(lambda: cluster.admin.find(path) is None, _WITHIN_S, "the pod is gone")


async def test_a_spent_budget_refuses_with_429_and_is_named(client, cluster, namespace, pods):
    protect(cluster, namespace, minAvailable=2)

    with pytest.raises(Overloaded, match="The disruption budget web needs 2 healthy pods and has 2") as refused:
        await evict(client, pods[0])

    assert (refused.value.status, refused.value.retry_after_s) == (429, None)
    assert len(running(cluster, namespace, "web")) == 2


async def test_a_budget_that_allows_one_lets_one_go(client, cluster, namespace, pods):
    protect(cluster, namespace, minAvailable=1)

    answer = await evict(client, pods[0])

    assert answer["status"] == "Success"


async def test_a_pod_of_that_name_with_another_uid_stays(client, cluster, namespace, pods):
    stranger = {**pods[0], "metadata": {**pods[0]["metadata"], "uid": "another"}}

    with pytest.raises(Rejected, match="UID") as refused:
        await evict(client, stranger)

    assert refused.value.status == 409
    assert len(running(cluster, namespace, "web")) == 2


async def test_two_budgets_over_one_pod_are_a_failure_of_the_server(client, cluster, namespace, pods):
    for name in ("one", "two"):
        cluster.admin.create(budget(name, namespace, "web", minAvailable=0))

    answer = cluster.admin.ask("POST", tool_pods.eviction(pods[0]).path, tool_pods.eviction(pods[0]).body)

    assert answer.status_code == 500
    assert "more than one PodDisruptionBudget" in answer.json()["message"]


async def test_a_pod_that_is_not_there(client, namespace, pods):
    gone = {**pods[0], "metadata": {**pods[0]["metadata"], "name": "nobody"}}

    with pytest.raises(NotFound):
        await evict(client, gone)
