"""An incoming webhook: every edition is a message of its own, without threads and buttons."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import timedelta

import pytest
from aiohttp import web
from tests.notify.conftest import receiver
from tests.slack.conftest import QUICK, cordon, edition
from tests.slack.double import texts_of, wrong_with

from gcm_sentinel.clients.http import HttpClient
from gcm_sentinel.domain.errors import Unreachable
from gcm_sentinel.notify.slack import SlackWebhookNotifier

__all__ = ["receiver"]


@pytest.fixture
async def http() -> AsyncIterator[HttpClient]:
    client = HttpClient()
    yield client
    await client.aclose()


async def test_the_first_message_is_the_card_and_the_next_what_became_of_it(http, receiver):
    sink = SlackWebhookNotifier(http, receiver.url, policy=QUICK)

    await sink.publish(edition(1))
    assert wrong_with(receiver.last["blocks"]) == ""
    assert "The PCIe path of GPU 1 fails" in texts_of(receiver.last["blocks"])

    await sink.publish(edition(2, cordon()))
    assert "cordon_node gpu-r03-n05: waiting" in texts_of(receiver.last["blocks"])[0]
    assert "actions" not in {block["type"] for block in receiver.last["blocks"]}


async def test_its_address_is_a_secret_that_no_error_shows(http, receiver):
    receiver.answers = [web.Response(status=500) for _ in range(99)]
    policy = replace(QUICK, deadline=timedelta(milliseconds=10))

    with pytest.raises(Unreachable) as failed:
        await SlackWebhookNotifier(http, receiver.url, policy=policy).publish(edition(1))

    assert "hush" not in str(failed.value)
