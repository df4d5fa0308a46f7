"""What every sink shows of actions: the same publication, told again as another edition."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from tests.notify.conftest import NOW, StillClock
from tests.notify.test_annotations import Nodes
from tests.sentinel_source.gateway_double import GatewayDouble, running

from gcm_sentinel.clients.http import HttpClient
from gcm_sentinel.clients.sentinel import Access, SentinelGateway
from gcm_sentinel.domain.action_record import ActionState, Approval, ApprovalState
from gcm_sentinel.domain.errors import NotFound, Rejected
from gcm_sentinel.domain.modes import Mode
from gcm_sentinel.domain.operations import Operation
from gcm_sentinel.domain.order import ActionTarget
from gcm_sentinel.domain.protocols import Publication
from gcm_sentinel.domain.published_action import PublishedAction
from gcm_sentinel.notify.annotations import AnnotationNotifier
from gcm_sentinel.notify.kubernetes_event import KubernetesEventNotifier, message
from gcm_sentinel.notify.ledger import LedgerNotifier, action_note_of
from gcm_sentinel.notify.webhook import Endpoint, WebhookNotifier
from gcm_sentinel.web.report import render_report
from gcm_sentinel.web.report_json import publication_to_json
from gcm_sentinel.web.terminal import render_text
from sentinel.ext.v1.records_pb2 import SystemRecord

DIGEST = "d" * 64
ASKED = Approval(
    "ap-1", "inc-79", "x", DIGEST, NOW, NOW + timedelta(hours=1), ApprovalState.APPROVED, NOW, "ada", "slack"
)
STATE = "gcm-sentinel/action-state"


class Events:
    """An API server's event collection."""

    def __init__(self) -> None:
        self.kept: dict[str, dict[str, Any]] = {}

    async def create(self, path: str, body: dict[str, Any]) -> None:
        if body["metadata"]["name"] in self.kept:
            raise Rejected("exists", status=409)
        self.kept[body["metadata"]["name"]] = body

    async def patch(self, path: str, body: dict[str, Any], *, content_type: str) -> None:
        assert content_type == "application/merge-patch+json"
        name = path.rpartition("/")[2]
        if name not in self.kept:
            raise NotFound("events not found")
        self.kept[name].update(body)


def edition(publication: Publication, number: int, state: ActionState, **changed: Any) -> Publication:
    """`publication` with a cordon at `state`."""
    target = ActionTarget("node", "gpu-r03-n05", "u")
    action = PublishedAction("inc-79.1/cordon_node/u", Operation.CORDON_NODE, target, state, DIGEST, NOW)
    told = replace(action, **{"note": "seen to it", "question": ASKED, **changed})
    return replace(publication, actions=(told,), edition=number, shown_before=number > 1)


@pytest.fixture
def done(publication: Publication) -> Publication:
    return edition(publication, 2, ActionState.DONE)


async def test_the_same_event_is_brought_on(publication, done):
    events = Events()
    sink = KubernetesEventNotifier(events, StillClock())
    await sink.publish(publication)
    for _ in range(2):
        await sink.publish(done)

    (event,) = events.kept.values()
    assert event["count"] == 2
    assert event["message"] == (
        "[CRITICAL] GPU 1 fell off the bus after a burst of PCIe errors (cordon_node: done)"
        " | Action: drain | Confidence: 92%"
    )


async def test_an_event_that_was_forgotten_is_made_anew(done):
    events = Events()
    await KubernetesEventNotifier(events, StillClock()).publish(done)

    assert [event["count"] for event in events.kept.values()] == [2]


def test_many_orders_and_a_long_summary_still_fit_the_event(publish_with):
    long = edition(publish_with(summary="corroded " * 400, nodes=200), 2, ActionState.DONE)
    many = replace(long, actions=long.actions * 60)

    assert len(message(many).encode()) <= 1024
    assert message(many).endswith("| Action: drain | Confidence: 92%")


async def test_a_later_edition_writes_the_state_alone_and_recovery_takes_it_away(publication, done):
    nodes = Nodes()
    sink = AnnotationNotifier(nodes, Mode.APPROVE)
    await sink.publish(done)
    assert nodes.annotations == {"cluster-autoscaler/keep": "yes", STATE: "cordon_node: done"}

    await sink.publish(publication)
    assert (nodes.annotations[STATE], nodes.annotations["gcm-sentinel/action"]) == ("cordon_node: done", "drain")

    await sink.withdraw("gpu-r03-n05")
    assert nodes.annotations == {"cluster-autoscaler/keep": "yes"}


async def test_the_webhook_names_the_orders_under_a_key_of_their_edition(receiver, publication, done):
    http = HttpClient()
    sink = WebhookNotifier(http, Endpoint(receiver.url), StillClock())
    await sink.publish(publication)
    await sink.publish(done)
    await http.aclose()

    assert [sent["idempotency-key"] for sent in receiver.headers] == ["inc-79.1", "inc-79.1/2"]
    result = receiver.last["sentinel_result"]
    assert result["edition"] == 2
    assert result["orders"] == [{
        "operation": "cordon_node", "target": {"kind": "node", "name": "gpu-r03-n05", "uid": "u"}, "state": "done",
        "reason": "", "note": "seen to it", "question": "ap-1", "decided_by": "ada (slack)", "digest": DIGEST,
    }]  # fmt: skip
    assert receiver.last["text"].splitlines()[-1] == "cordon_node gpu-r03-n05: done. seen to it"


@pytest.fixture
async def double() -> AsyncIterator[GatewayDouble]:
    async with running(GatewayDouble()) as served:
        yield served


async def test_the_ledger_holds_every_outcome_once(double, publication, done):
    gateway = SentinelGateway(Access(double.endpoint, plaintext=True))
    sink = LedgerNotifier(gateway.ledger)
    for told in (publication, edition(publication, 2, ActionState.WAITING), done, done):
        await sink.publish(told)
    await gateway.aclose()

    records = [SystemRecord.FromString(entry.data) for entry in double.ledger.entries]
    assert [record.event for record in records] == ["assessment.published", "action.waiting", "action.done"]
    assert dict(records[-1].fields) == {
        "incident": "inc-79", "investigation": "inc-79.1", "operation": "cordon_node", "order_sha256": DIGEST,
        "target": "node gpu-r03-n05 u", "decided_by": "ada (slack)", "note": "seen to it",
    }  # fmt: skip


def test_what_waits_is_the_same_entry_though_somebody_has_decided_meanwhile(publication):
    asked = replace(ASKED, state=ApprovalState.WAITING, decided_at=None, decided_by="", channel="")
    notes = [
        action_note_of(publication, edition(publication, 2, ActionState.WAITING, question=question).actions[0])
        for question in (asked, ASKED)
    ]

    assert notes[0] == notes[1]


def test_a_terminal_a_page_and_json_show_them(done):
    page = render_report([done], title="t", generated_at=NOW)

    assert "- cordon_node gpu-r03-n05: done, decided by ada (slack): seen to it" in render_text(done)
    assert "Asked of the agent itself" in page
    assert "seen to it" in page
    assert '"state": "done"' in json.dumps(publication_to_json(done)["orders"])


def test_hostile_words_of_an_order_stay_words(publication):
    hostile = edition(publication, 2, ActionState.FAILED, note="<script>alert(1)</script>\x1b[2J")

    assert "<script>alert" not in render_report([hostile], title="t", generated_at=NOW)
    assert "\x1b" not in render_text(hostile)
