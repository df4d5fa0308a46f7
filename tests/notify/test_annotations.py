"""What annotate mode writes on a Node, and that recommend mode writes nothing."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from gcm_sentinel.domain.errors import NotFound, Refused
from gcm_sentinel.domain.modes import Mode
from gcm_sentinel.domain.protocols import Publication, Withdrawer
from gcm_sentinel.notify.annotations import KEYS, AnnotationNotifier


class Nodes:
    """An API server's nodes, taking merge patches."""

    def __init__(self, refusal: Exception | None = None) -> None:
        self.refusal = refusal
        self.annotations: dict[str, object] = {"cluster-autoscaler/keep": "yes"}
        self.paths: list[str] = []

    async def patch(
        self, path: str, body: dict[str, Any], *, content_type: str, field_manager: str | None = None
    ) -> None:
        assert (content_type, field_manager) == ("application/merge-patch+json", "gcm-sentinel")
        self.paths.append(path)
        if self.refusal:
            raise self.refusal
        for key, value in body["metadata"]["annotations"].items():
            self.annotations.pop(key, None) if value is None else self.annotations.update({key: value})


@pytest.mark.parametrize("mode", [Mode.RECOMMEND, "annotate", "yolo", None], ids=repr)
def test_refuses_to_exist_where_the_mode_does_not_permit_it(mode: object) -> None:
    with pytest.raises(Refused, match="mode"):
        AnnotationNotifier(Nodes(), mode)  # type: ignore[arg-type]


@pytest.mark.parametrize("mode", [Mode.ANNOTATE, Mode.APPROVE, Mode.EXECUTE], ids=str)
async def test_writes_the_seven_annotations(mode: Mode, publication: Publication) -> None:
    nodes = Nodes()

    await AnnotationNotifier(nodes, mode).publish(publication)

    assert nodes.paths == ["/api/v1/nodes/gpu-r03-n05"]
    assert nodes.annotations == {
        "cluster-autoscaler/keep": "yes",
        "gcm-sentinel/severity": "critical",
        "gcm-sentinel/action": "drain",
        "gcm-sentinel/confidence": "0.92",
        "gcm-sentinel/summary": "GPU 1 fell off the bus after a burst of PCIe errors",
        "gcm-sentinel/root-cause": "The PCIe path of GPU 1 fails",
        "gcm-sentinel/condition": "GcmXidErrorsProblem",
        "gcm-sentinel/timestamp": "2026-11-20T03:12:44+00:00",
    }


async def test_long_texts_are_cut_between_words(publish_with: Callable[..., Publication]) -> None:
    nodes = Nodes()

    await AnnotationNotifier(nodes, Mode.ANNOTATE).publish(publish_with(summary="lost " * 90, root_cause="y" * 900))

    assert str(nodes.annotations["gcm-sentinel/summary"]).endswith(" lost…")
    assert len(str(nodes.annotations["gcm-sentinel/summary"])) <= 250
    assert len(str(nodes.annotations["gcm-sentinel/root-cause"])) == 250


async def test_clear_removes_ours_and_nothing_else(publication: Publication) -> None:
    nodes = Nodes()
    notifier = AnnotationNotifier(nodes, Mode.ANNOTATE)
    await notifier.publish(publication)

    await notifier.clear("gpu-r03-n05")

    assert nodes.annotations == {"cluster-autoscaler/keep": "yes"}
    assert len(KEYS) == 7


async def test_withdrawn_when_the_incident_is_over(publication: Publication) -> None:
    nodes = Nodes()
    sink: Withdrawer = AnnotationNotifier(nodes, Mode.ANNOTATE)
    await AnnotationNotifier(nodes, Mode.ANNOTATE).publish(publication)

    await sink.withdraw("gpu-r03-n05")

    assert nodes.annotations == {"cluster-autoscaler/keep": "yes"}


async def test_a_node_that_is_gone_took_its_annotations_along() -> None:
    nodes = Nodes(NotFound("nodes not found"))

    await AnnotationNotifier(nodes, Mode.ANNOTATE).withdraw("gpu-r03-n05")

    assert nodes.paths == ["/api/v1/nodes/gpu-r03-n05"]


@pytest.mark.parametrize("name", ["../secrets?x=", "..", "", "10.0.0.1:9400", "Gpu-1", "n" * 254])
async def test_a_node_that_cannot_be_is_asked_for_nowhere(name: str) -> None:
    nodes = Nodes()
    sink = AnnotationNotifier(nodes, Mode.ANNOTATE)

    with pytest.raises(NotFound, match="no node can have that name"):
        await sink.clear(name)
    await sink.withdraw(name)

    assert nodes.paths == []
