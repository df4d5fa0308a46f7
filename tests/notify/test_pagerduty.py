"""Whom PagerDuty pages and when it stops, against a local Events v2 endpoint."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from aiohttp import web

from gcm_sentinel.clients.http import HttpClient
from gcm_sentinel.domain.action_record import ActionState
from gcm_sentinel.domain.assessment import Severity
from gcm_sentinel.domain.errors import Rejected, Unreachable
from gcm_sentinel.domain.operations import Operation
from gcm_sentinel.domain.order import ActionTarget
from gcm_sentinel.domain.protocols import Publication
from gcm_sentinel.domain.published_action import PublishedAction
from gcm_sentinel.domain.threads import OverThread, Thread
from gcm_sentinel.notify.pagerduty import PagerDutyNotifier, dedup_key
from gcm_sentinel.notify.retry import RetryPolicy
from gcm_sentinel.storage.memory import MemoryThreads

KEY = "R0UTINGKEY"
QUICK = RetryPolicy(timedelta(seconds=2), timedelta(seconds=1), timedelta(milliseconds=1), timedelta(milliseconds=5))


@pytest.fixture
def book() -> MemoryThreads:
    return MemoryThreads()


@pytest.fixture
async def sink(receiver: Any, book: MemoryThreads) -> AsyncIterator[PagerDutyNotifier]:
    http = HttpClient()
    yield PagerDutyNotifier(http, receiver.url, KEY, book, policy=QUICK)
    await http.aclose()


def later(publication: Publication, state: ActionState) -> Publication:
    target = ActionTarget("node", "gpu-r03-n05", "u")
    action = PublishedAction("a", Operation.CORDON_NODE, target, state, "d" * 64, publication.assessment.created_at)
    return replace(publication, actions=(action,), edition=2, shown_before=True)


def sent(receiver: Any) -> list[tuple[str, str]]:
    import json

    return [(event["event_action"], event["dedup_key"]) for event in map(json.loads, receiver.bodies)]


async def test_an_assessment_triggers_the_incidents_alert(sink, receiver, publication):
    await sink.publish(publication)

    event = receiver.last
    assert (event["routing_key"], event["event_action"], event["dedup_key"]) == (KEY, "trigger", "inc-79")
    assert event["payload"]["summary"].startswith("[CRITICAL] gpu-r03-n05: GPU 1 fell off the bus")
    assert (event["payload"]["severity"], event["payload"]["source"]) == ("critical", "gpu-r03-n05")
    assert event["payload"]["custom_details"]["recommended_action"] == "drain"


@pytest.mark.parametrize(
    ("severity", "shown"), [(Severity.CRITICAL, "critical"), (Severity.WARNING, "warning"), (Severity.INFO, "info")]
)
async def test_severities_are_those_of_pagerduty(sink, receiver, publish_with, severity, shown):
    await sink.publish(publish_with(severity=severity))

    assert receiver.last["payload"]["severity"] == shown


async def test_a_node_that_is_well_pages_nobody(sink, receiver, publish_with):
    await sink.publish(publish_with(severity=Severity.OK))

    assert receiver.bodies == []


@pytest.mark.parametrize(
    ("state", "pages"),
    [("waiting", True), ("failed", True), ("done", False), ("undone", False), ("refused", False)],
)
async def test_only_what_needs_somebody_pages_again(sink, receiver, publication, state, pages):
    await sink.publish(later(publication, ActionState(state)))

    assert sent(receiver) == ([("trigger", "inc-79")] if pages else [])


async def test_the_end_of_the_incident_resolves_it(sink, receiver, publication, book):
    await sink.publish(publication)
    thread = await book.get("pagerduty", "inc-79")

    await sink.close(OverThread(thread, "recovered"))

    assert sent(receiver) == [("trigger", "inc-79"), ("resolve", "inc-79")]


async def test_what_is_over_pages_nobody_any_more(sink, receiver, publication, book):
    await book.put("pagerduty", Thread("inc-79", "inc-79", revision=1, closed=True))

    await sink.publish(later(publication, ActionState.FAILED))

    assert receiver.bodies == []


async def test_an_incident_that_closed_while_pagerduty_was_away_pages_nobody(sink, receiver, publication, book):
    await sink.publish(replace(publication, closed=True))

    assert receiver.bodies == []
    assert await book.get("pagerduty", "inc-79") is None


async def test_an_end_is_sent_once_per_call(sink, receiver):
    receiver.answers = [web.Response(status=500)]

    with pytest.raises(Unreachable):
        await sink.close(OverThread(Thread("inc-79", "inc-79"), "recovered"))

    assert len(receiver.bodies) == 1


async def test_what_was_opened_again_pages_again(sink, receiver, publication, book):
    await book.put("pagerduty", Thread("inc-79", "inc-79", revision=1, closed=True))

    await sink.publish(replace(publication, incident=replace(publication.incident, revision=2)))

    assert sent(receiver) == [("trigger", "inc-79")]


async def test_what_may_work_later_is_tried_again(sink, receiver, publication):
    receiver.answers = [web.Response(status=429, headers={"Retry-After": "0"}), web.Response(status=500)]

    await sink.publish(publication)

    assert sent(receiver) == [("trigger", "inc-79")] * 3


async def test_a_bad_event_is_not_tried_again(sink, receiver, publication):
    receiver.answers = [web.json_response({"status": "invalid event", "errors": ["'summary' is missing"]}, status=400)]

    with pytest.raises(Rejected, match="summary"):
        await sink.publish(publication)

    assert len(receiver.bodies) == 1


async def test_a_routing_key_that_is_refused_may_be_put_right_and_is_not_shown(sink, receiver, publication):
    wrong = {"status": "invalid event", "errors": [f"routing_key {KEY} is unknown"]}
    receiver.answers = [web.json_response(wrong, status=400) for _ in range(999)]
    sink._policy = replace(QUICK, deadline=timedelta(milliseconds=20))

    with pytest.raises(Unreachable) as failed:
        await sink.publish(publication)

    assert KEY not in str(failed.value)


def test_a_key_pagerduty_would_not_take_is_hashed():
    assert dedup_key("inc-1") == "inc-1"
    assert len(dedup_key("x" * 300)) == 64
    assert dedup_key("ä") != "ä"


async def test_hostile_and_long_words_are_one_line_and_bounded(
    sink, receiver, publish_with: Callable[..., Publication]
):
    await sink.publish(publish_with(summary="a\n\x1b[2J" * 3000, root_cause="b\n" * 9000))

    payload = receiver.last["payload"]
    assert ("\n" in payload["summary"], len(payload["summary"]) <= 1024) == (False, True)
    assert len(payload["custom_details"]["root_cause"]) <= 2000
