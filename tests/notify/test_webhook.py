"""What a webhook receiver gets, against a real HTTP server on loopback."""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import AsyncIterator, Callable
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from aiohttp import web
from structlog.testing import capture_logs

from gcm_sentinel.clients.http import HttpClient
from gcm_sentinel.domain.assessment import Outcome
from gcm_sentinel.domain.errors import BadConfiguration, Overloaded, Rejected, Unreachable
from gcm_sentinel.domain.protocols import Clock, Publication
from gcm_sentinel.notify.retry import RetryPolicy
from gcm_sentinel.notify.webhook import Endpoint, WebhookNotifier

QUICK = RetryPolicy(
    deadline=timedelta(seconds=2),
    attempt_timeout=timedelta(seconds=1),
    first_pause=timedelta(milliseconds=1),
    longest_pause=timedelta(milliseconds=5),
)


@pytest.fixture
async def http() -> AsyncIterator[HttpClient]:
    client = HttpClient()
    yield client
    await client.aclose()


@pytest.fixture
def webhook(http: HttpClient, receiver: Any, clock: Clock) -> WebhookNotifier:
    return WebhookNotifier(http, Endpoint(receiver.url), clock, policy=QUICK)


async def test_the_body_keeps_the_shape_receivers_parse(
    webhook: WebhookNotifier, receiver: Any, publication: Publication
) -> None:
    await webhook.publish(publication)

    assert set(receiver.last) == {"text", "sentinel_result"}
    kept = ("node_name", "condition", "severity", "summary", "root_cause", "recommended_action", "confidence")
    assert [receiver.last["sentinel_result"][key] for key in kept] == [
        "gpu-r03-n05",
        "GcmXidErrorsProblem",
        "critical",
        "GPU 1 fell off the bus after a burst of PCIe errors",
        "The PCIe path of GPU 1 fails",
        "drain",
        0.92,
    ]
    assert receiver.last["sentinel_result"]["timestamp"] == "2026-11-20T03:12:44+00:00"


async def test_the_text_can_be_read_in_a_chat(
    webhook: WebhookNotifier, receiver: Any, publication: Publication
) -> None:
    await webhook.publish(publication)

    assert receiver.last["text"].splitlines() == [
        "[CRITICAL] GPU Sentinel: gpu-r03-n05 / GcmXidErrorsProblem",
        "Summary: GPU 1 fell off the bus after a burst of PCIe errors",
        "Root cause: The PCIe path of GPU 1 fails",
        "Action: drain (confidence 92%)",
    ]


async def test_further_keys_are_added_inside_the_result(
    webhook: WebhookNotifier, receiver: Any, publish_with: Callable[..., Publication]
) -> None:
    await webhook.publish(publish_with(outcome=Outcome.INCONCLUSIVE))

    result = receiver.last["sentinel_result"]
    assert (result["incident_id"], result["fault_class"], result["outcome"]) == (
        "inc-79",
        "gpu_off_bus",
        "inconclusive",
    )
    assert [item["action"] for item in result["actions"]] == ["capture-evidence", "cordon", "drain"]
    assert result["entities"][0]["pci"] == "0000:17:00"
    assert (result["claims"], result["claims_struck"], result["url"]) == (1, 0, None)


async def test_hostile_text_cannot_mention_a_channel_or_plant_a_link(
    webhook: WebhookNotifier, receiver: Any, publish_with: Callable[..., Publication]
) -> None:
    await webhook.publish(publish_with(summary="<!channel> see <https://evil|runbook>\n@here & @everyone"))

    assert (
        "&lt;!channel&gt; see &lt;https://evil|runbook&gt; @\u200bhere &amp; @\u200beveryone" in receiver.last["text"]
    )
    assert len(receiver.last["text"].splitlines()) == 4


async def test_overload_and_server_errors_are_tried_again_with_the_same_key_and_body(
    webhook: WebhookNotifier, receiver: Any, publication: Publication
) -> None:
    receiver.answers = [web.Response(status=503, headers={"Retry-After": "0"}), web.Response(status=502)]

    await webhook.publish(publication)

    assert [headers["idempotency-key"] for headers in receiver.headers] == ["inc-79.1"] * 3
    assert len({headers["x-gcm-sentinel-delivery"] for headers in receiver.headers}) == 1
    assert len(set(receiver.bodies)) == 1


async def test_a_delivery_offered_again_hours_later_is_the_same_and_the_next_investigations_is_not(
    webhook: WebhookNotifier, receiver: Any, publication: Publication
) -> None:
    for revision in (1, 1, 2):
        await webhook.publish(replace(publication, incident=replace(publication.incident, revision=revision)))

    assert [headers["idempotency-key"] for headers in receiver.headers] == ["inc-79.1", "inc-79.1", "inc-79.2"]
    assert receiver.bodies[0] == receiver.bodies[1]
    assert len({headers["x-gcm-sentinel-delivery"] for headers in receiver.headers}) == 2


async def test_an_incident_of_many_nodes_says_what_they_share_and_names_no_more_than_fifty(
    webhook: WebhookNotifier, receiver: Any, publish_with: Callable[..., Publication]
) -> None:
    await webhook.publish(publish_with(nodes=200))

    result = receiver.last["sentinel_result"]
    assert result["scope"] == {"kind": "leaf_switch", "key": "leaf-07"}
    assert (len(result["nodes"]), result["node_count"], result["nodes"][0]) == (50, 200, "gpu-r03-n05")
    assert (result["incident_id"], result["investigation_id"], result["revision"]) == ("inc-79", "inc-79.1", 1)
    assert "gpu-r03-n05 (+199 nodes) / GcmXidErrorsProblem" in receiver.last["text"]


async def test_a_refusal_is_not_tried_again(webhook: WebhookNotifier, receiver: Any, publication: Publication) -> None:
    receiver.answers = [web.Response(status=400, text="invalid_payload")]

    with pytest.raises(Rejected, match="invalid_payload"):
        await webhook.publish(publication)

    assert len(receiver.bodies) == 1


async def test_gives_up_rather_than_wait_beyond_its_deadline(
    webhook: WebhookNotifier, receiver: Any, publication: Publication
) -> None:
    receiver.answers = [web.Response(status=429, headers={"Retry-After": "3600"})]

    with pytest.raises(Overloaded):
        await webhook.publish(publication)

    assert len(receiver.bodies) == 1


async def test_a_signature_covers_timestamp_and_body(
    http: HttpClient, receiver: Any, clock: Clock, publication: Publication
) -> None:
    webhook = WebhookNotifier(http, Endpoint(receiver.url, secret="s3cret"), clock, policy=QUICK)

    await webhook.publish(publication)

    headers = receiver.headers[0]
    signed = headers["x-gcm-sentinel-timestamp"].encode() + b"." + receiver.bodies[0]
    expected = hmac.new(b"s3cret", signed, hashlib.sha256).hexdigest()
    assert headers["x-gcm-sentinel-signature"] == f"sha256={expected}"
    assert headers["x-gcm-sentinel-timestamp"] == "1795144364"


async def test_without_a_secret_nothing_is_signed(
    webhook: WebhookNotifier, receiver: Any, publication: Publication
) -> None:
    await webhook.publish(publication)

    assert "x-gcm-sentinel-signature" not in receiver.headers[0]


async def test_the_secret_path_of_the_url_reaches_neither_error_nor_log(
    webhook: WebhookNotifier, receiver: Any, publication: Publication
) -> None:
    receiver.answers = [web.Response(status=502), web.Response(status=404, text="no_service /services/T0/B0/hush-hush")]

    with capture_logs() as logs, pytest.raises(Exception, match="answered 404") as caught:
        await webhook.publish(publication)

    assert [entry["event"] for entry in logs] == ["notify.retrying"]
    assert "hush" not in str(caught.value) + str(logs)


async def test_an_unreachable_receiver_is_worth_another_try(
    http: HttpClient, clock: Clock, publication: Publication
) -> None:
    endpoint = Endpoint("http://user:pass@127.0.0.1:9/hook?token=abc")
    webhook = WebhookNotifier(http, endpoint, clock, policy=RetryPolicy(deadline=timedelta(milliseconds=20)))

    with pytest.raises(Unreachable) as caught:
        await webhook.publish(publication)

    assert not any(secret in str(caught.value) for secret in ("pass", "abc", "hook"))


@pytest.mark.parametrize("url", ["", "hooks.slack.com/x", "ftp://host/x", "http://", "http://host:99999/x"], ids=repr)
def test_refuses_an_address_it_cannot_post_to(http: HttpClient, clock: Clock, url: str) -> None:
    with pytest.raises(BadConfiguration, match="WEBHOOK_URL"):
        WebhookNotifier(http, Endpoint(url), clock)


def test_the_endpoint_does_not_print_its_secrets() -> None:
    endpoint = Endpoint("https://u:p@hooks.example:8443/secret?token=1", secret="k3y")

    assert endpoint.shown == "https://hooks.example:8443"
    assert not any(secret in repr(endpoint) for secret in ("secret?", "token", "k3y", "u:p"))


async def test_half_a_surrogate_pair_in_a_models_words_is_delivered(
    webhook: WebhookNotifier, receiver: Any, publish_with: Callable[..., Publication]
) -> None:
    await webhook.publish(publish_with(summary="GPU 3 is hot \ud83d"))

    assert receiver.last["sentinel_result"]["summary"] == "GPU 3 is hot ?"
