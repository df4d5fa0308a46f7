"""An assessment published as an Event is found where people look: ``kubectl describe node``, and by its reason."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import replace

import pytest
from tests.cluster.cluster import Cluster
from tests.cluster.things import gpu_node
from tests.notify.conftest import NODE, StillClock, a_publication

from gcm_sentinel.clients.kubernetes import KubernetesClient
from gcm_sentinel.domain.errors import Forbidden
from gcm_sentinel.notify.kubernetes_event import KubernetesEventNotifier, event_name, message

EVENTS = "/api/v1/namespaces/default/events"
MAY_PUBLISH = {"apiGroups": [""], "resources": ["events"], "verbs": ["create", "patch"]}


@pytest.fixture(autouse=True)
def node(cluster: Cluster) -> Iterator[str]:
    """The node that the publications are about; its Events of earlier tests are gone."""
    cluster.admin.delete(EVENTS)
    cluster.admin.create(gpu_node(NODE))
    yield NODE
    cluster.admin.delete(f"/api/v1/nodes/{NODE}")


async def test_kubectl_describe_node_shows_it(cluster: Cluster, client: KubernetesClient) -> None:
    publication = a_publication()

    await KubernetesEventNotifier(client, StillClock()).publish(publication)

    shown = cluster.kubectl("describe", "node", NODE)
    line = next(line for line in shown.splitlines() if "GCMSentinel" in line)
    assert line.split()[:2] == ["Warning", "GCMSentinel"]
    assert "gcm-sentinel" in line
    assert message(publication) in line


async def test_it_is_found_by_its_reason(cluster: Cluster, client: KubernetesClient) -> None:
    await KubernetesEventNotifier(client, StillClock()).publish(a_publication())

    selector = "--field-selector=reason=GCMSentinel"
    found = json.loads(cluster.kubectl("get", "events", "--all-namespaces", selector, "--output=json"))["items"]

    assert [(item["involvedObject"]["name"], item["reportingComponent"]) for item in found] == [(NODE, "gcm-sentinel")]


async def test_published_again_it_is_there_once(cluster: Cluster, client: KubernetesClient) -> None:
    for _ in range(2):
        await KubernetesEventNotifier(client, StillClock()).publish(a_publication())

    assert len(cluster.admin.items(EVENTS, fieldSelector="reason=GCMSentinel")) == 1


async def test_a_later_edition_brings_it_on(cluster: Cluster, client: KubernetesClient) -> None:
    notifier = KubernetesEventNotifier(client, StillClock())
    await notifier.publish(a_publication())

    later = replace(a_publication(summary="GPU 1 is back"), edition=2)
    await notifier.publish(later)

    event = cluster.admin.get(f"{EVENTS}/{event_name(later)}")
    assert (event["count"], event["message"]) == (2, message(later))


async def test_one_the_server_has_forgotten_is_made_anew(cluster: Cluster, client: KubernetesClient) -> None:
    later = replace(a_publication(), edition=2)

    await KubernetesEventNotifier(client, StillClock()).publish(later)

    assert cluster.admin.get(f"{EVENTS}/{event_name(later)}")["count"] == 2


async def test_the_longest_message_is_taken(cluster: Cluster, client: KubernetesClient) -> None:
    publication = a_publication(summary="ü" * 3000)

    await KubernetesEventNotifier(client, StillClock()).publish(publication)

    assert len(cluster.admin.get(f"{EVENTS}/{event_name(publication)}")["message"].encode()) <= 1024


async def test_a_service_account_needs_no_more_than_to_create_and_patch_events(cluster: Cluster, as_account) -> None:
    notifier = KubernetesEventNotifier(await as_account(MAY_PUBLISH), StillClock())

    await notifier.publish(a_publication())
    await notifier.publish(replace(a_publication(), edition=2))

    assert cluster.admin.get(f"{EVENTS}/{event_name(a_publication())}")["count"] == 2


async def test_without_that_it_is_refused_in_the_servers_words(as_account) -> None:
    notifier = KubernetesEventNotifier(await as_account(), StillClock())

    with pytest.raises(Forbidden, match='cannot create resource "events" in API group ""'):
        await notifier.publish(a_publication())
