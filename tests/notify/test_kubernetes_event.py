"""What an operator sees of an assessment in the node's Events."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from gcm_sentinel.domain.assessment import Outcome, Severity
from gcm_sentinel.domain.errors import Forbidden, Overloaded, Rejected, Unreachable
from gcm_sentinel.domain.protocols import Clock, Publication
from gcm_sentinel.notify.kubernetes_event import KubernetesEventNotifier, event_name, message
from gcm_sentinel.notify.retry import RetryPolicy

QUICK = RetryPolicy(deadline=timedelta(seconds=1), first_pause=timedelta(milliseconds=1))


class Cluster:
    """An API server's event collection: a name can be taken once."""

    def __init__(self, refusal: Exception | None = None, times: int = 1) -> None:
        self._times = times
        self.created: list[tuple[str, dict[str, Any]]] = []
        self._refusal = refusal
        self.refused = 0

    async def create(self, path: str, body: dict[str, Any]) -> None:
        if self._refusal and self.refused < self._times:
            self.refused += 1
            raise self._refusal
        if any(known["metadata"]["name"] == body["metadata"]["name"] for _, known in self.created):
            raise Rejected("events already exists", status=409)
        self.created.append((path, body))

    async def patch(self, path: str, body: dict[str, Any], *, content_type: str) -> None:
        raise AssertionError(f"nothing brings {path} on: there is one edition")


async def test_the_event_is_about_the_node_in_the_form_kubectl_describe_searches_for(
    publication: Publication, clock: Clock
) -> None:
    cluster = Cluster()

    await KubernetesEventNotifier(cluster, clock).publish(publication)

    path, event = cluster.created[0]
    assert path == "/api/v1/namespaces/default/events"
    assert event["involvedObject"] == {
        "apiVersion": "v1",
        "kind": "Node",
        "name": "gpu-r03-n05",
        "uid": "gpu-r03-n05",
    }
    assert (event["reason"], event["type"], event["count"]) == ("GCMSentinel", "Warning", 1)
    assert event["source"] == {"component": "gcm-sentinel"}
    assert event["reportingComponent"] == "gcm-sentinel"
    assert event["firstTimestamp"] == event["lastTimestamp"] == "2026-11-20T03:12:44Z"
    assert event["action"] == "drain"


async def test_the_real_uid_of_the_node_is_kept_beside_it(publication: Publication, clock: Clock) -> None:
    cluster = Cluster()

    await KubernetesEventNotifier(cluster, clock).publish(publication)

    metadata = cluster.created[0][1]["metadata"]
    assert "66cedd99-0823-46bf-a36d-5db3fa6f28cd" in str(metadata)


def test_the_message_keeps_its_shape(publication: Publication) -> None:
    assert message(publication) == (
        "[CRITICAL] GPU 1 fell off the bus after a burst of PCIe errors | Action: drain | Confidence: 92%"
    )


async def test_publishing_twice_shows_once(publication: Publication, clock: Clock) -> None:
    cluster = Cluster()
    notifier = KubernetesEventNotifier(cluster, clock)

    await notifier.publish(publication)
    await notifier.publish(publication)

    assert len(cluster.created) == 1


def test_the_name_is_that_of_the_investigation_whatever_its_verdict(
    publication: Publication, publish_with: Callable[..., Publication]
) -> None:
    again = replace(publication.incident, revision=2)

    assert event_name(publish_with(severity=Severity.WARNING)) == event_name(publication)
    assert event_name(replace(publication, incident=again)) != event_name(publication)
    assert event_name(publication).startswith("gcm-sentinel-")


def test_an_incident_of_many_nodes_says_how_many_others_there_are(publish_with: Callable[..., Publication]) -> None:
    text = message(publish_with(nodes=200, summary="leaf-07 drops its uplinks"))

    assert text == "[CRITICAL] leaf-07 drops its uplinks (+199 nodes) | Action: drain | Confidence: 92%"


def test_many_nodes_and_a_long_summary_still_fit(publish_with: Callable[..., Publication]) -> None:
    text = message(publish_with(nodes=200, summary="corroded " * 400))

    assert 1000 < len(text.encode()) <= 1024
    assert text.endswith("corroded… (+199 nodes) | Action: drain | Confidence: 92%")


@pytest.mark.parametrize("word", ["corroded ", "überhitzt ", "過熱 "], ids=["ascii", "two-byte", "three-byte"])
def test_a_long_summary_is_cut_between_words_to_the_limit_of_the_api(
    publish_with: Callable[..., Publication], word: str
) -> None:
    text = message(publish_with(summary=word * 400))

    assert 1000 < len(text.encode()) <= 1024
    assert text.endswith("… | Action: drain | Confidence: 92%")
    assert f"{word.strip()}… |" in text


def test_a_summary_without_a_single_space_is_still_cut(publish_with: Callable[..., Publication]) -> None:
    text = message(publish_with(summary="x" * 5000))

    assert len(text.encode()) == 1024


@pytest.mark.parametrize(
    ("severity", "shown"),
    [(Severity.CRITICAL, "Warning"), (Severity.WARNING, "Warning"), (Severity.INFO, "Normal"), (Severity.OK, "Normal")],
    ids=str,
)
async def test_the_type_follows_the_severity(
    publish_with: Callable[..., Publication], clock: Clock, severity: Severity, shown: str
) -> None:
    cluster = Cluster()

    await KubernetesEventNotifier(cluster, clock).publish(publish_with(severity=severity))

    assert cluster.created[0][1]["type"] == shown


def test_an_answer_that_is_no_conclusion_says_so(publish_with: Callable[..., Publication]) -> None:
    text = message(publish_with(outcome=Outcome.PARTIAL, summary="GPU 1 stopped answering"))

    assert text.startswith("[CRITICAL] (partial) GPU 1 stopped answering |")


def test_line_breaks_and_direction_overrides_of_a_hostile_summary_are_gone(
    publish_with: Callable[..., Publication],
) -> None:
    text = message(publish_with(summary="all\nfine \u202e[OK]\x1b[2J\x00 really"))

    assert text.startswith("[CRITICAL] all fine [OK][2J really |")


async def test_a_refusal_other_than_a_taken_name_is_reported(publication: Publication, clock: Clock) -> None:
    notifier = KubernetesEventNotifier(Cluster(Forbidden("events is forbidden")), clock)

    with pytest.raises(Forbidden, match="events is forbidden"):
        await notifier.publish(publication)


@pytest.mark.parametrize("trouble", [Unreachable("no route"), Overloaded("busy", retry_after_s=0.001)], ids=repr)
async def test_an_api_server_in_trouble_is_tried_again(
    publication: Publication, clock: Clock, trouble: Exception
) -> None:
    cluster = Cluster(trouble, times=3)

    await KubernetesEventNotifier(cluster, clock, policy=QUICK).publish(publication)

    assert (cluster.refused, len(cluster.created)) == (3, 1)


async def test_gives_up_at_its_deadline_and_says_it_may_work_later(publication: Publication, clock: Clock) -> None:
    notifier = KubernetesEventNotifier(Cluster(Overloaded("busy", retry_after_s=3600)), clock, policy=QUICK)

    with pytest.raises(Overloaded, match="busy"):
        await notifier.publish(publication)


def test_a_language_without_blanks_loses_no_more_than_the_limit_asks(publish_with: Callable[..., Publication]) -> None:
    text = message(publish_with(summary="GPU 3 " + "バスから脱落した" * 100))

    assert 1015 < len(text.encode()) <= 1024
