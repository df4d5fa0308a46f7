"""The janitor's maintenance requests: kinds of a CRD, which the simulated API server knows without having one.

The real server gets a CRD for the time of a test; its schema is open, as the simulated server takes any such object.
"""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from tests.cluster.asked import KINDS, Asked
from tests.cluster.servers import until
from tests.cluster.test_same_answers import Side, made_store, real_side, simulated_side

from sentinel_fleet.kube import JANITOR

PATH = f"/apis/{JANITOR}/v1alpha1/gpuresets"
ONE = f"{PATH}/one"
_SERVED_WITHIN_S = 30


def request(**parts):
    spec = {"nodeName": "same", "selector": {"uuids": ["GPU-1"]}}
    return {"apiVersion": f"{JANITOR}/v1alpha1", "kind": "GPUReset", "metadata": {"name": "one"}, "spec": spec, **parts}


REQUESTS = [
    Asked("made", "POST", PATH, request()),
    Asked("made again", "POST", PATH, request()),
    Asked("read", "GET", ONE),
    Asked("listed", "GET", PATH, query={"limit": "500"}),
    Asked("another", "GET", f"{PATH}/other"),
    Asked("another kind", "POST", PATH, request(kind="RebootNode")),
    Asked("a bad name", "POST", PATH, request(metadata={"name": "A b"})),
    Asked("patched", "PATCH", ONE, {"metadata": {"annotations": {"a": "b"}}}, KINDS["merge"], {"fieldManager": "me"}),
    Asked("patched strategically", "PATCH", ONE, {"spec": {}}, KINDS["strategic"]),
    Asked("status by the main path", "PATCH", ONE, {"status": {"a": "b"}}, KINDS["merge"]),
    Asked("deleted if another", "DELETE", ONE, {"preconditions": {"uid": "x"}}),
    Asked("deleted", "DELETE", ONE),
    Asked("deleted again", "DELETE", ONE),
]


@pytest.fixture
def served(cluster) -> Iterator[None]:
    """The real server serves the kind."""
    schema = {"type": "object", "x-kubernetes-preserve-unknown-fields": True}
    version = {"name": "v1alpha1", "served": True, "storage": True, "schema": {"openAPIV3Schema": schema}}
    names = {"plural": "gpuresets", "singular": "gpureset", "kind": "GPUReset", "listKind": "GPUResetList"}
    spec = {
        "group": JANITOR,
        "scope": "Cluster",
        "names": names,
        "versions": [{**version, "subresources": {"status": {}}}],
    }
    head = {"apiVersion": "apiextensions.k8s.io/v1", "kind": "CustomResourceDefinition"}
    cluster.admin.create({**head, "metadata": {"name": f"gpuresets.{JANITOR}"}, "spec": spec})
    until(lambda: cluster.admin.ask("GET", PATH).status_code == 200, _SERVED_WITHIN_S, "the kind is served")
    yield
    cluster.admin.delete(f"/apis/apiextensions.k8s.io/v1/customresourcedefinitions/gpuresets.{JANITOR}")
    until(lambda: cluster.admin.ask("GET", PATH).status_code == 404, _SERVED_WITHIN_S, "the kind is gone")


async def answers(side: Side):
    return {asked.name: await side.ask(asked) for asked in REQUESTS}


async def test_both_answer_a_life_of_a_request_alike(cluster, served):
    store = made_store()
    store.install(JANITOR)

    async with simulated_side(store) as double, real_side(cluster) as real:
        simulated, answered = await answers(double), await answers(real)

    assert simulated == answered
