"""From a bad condition to a verified cordon that a person approved in Slack, every part real but the model."""

from __future__ import annotations

import asyncio

import pytest
from tests.acting.conftest import action, question, site, until
from tests.slack.double import APP, BOT, CHANNEL

from gcm_sentinel.app.clock import SystemClock
from gcm_sentinel.app.people import open_buttons
from gcm_sentinel.app.settings import load
from gcm_sentinel.app.stores import Stores
from gcm_sentinel.domain.action_record import ActionState, Approval
from gcm_sentinel.domain.incident_record import DeliveryState
from gcm_sentinel.notify.slack_question import APPROVE

__all__ = ["site"]


async def everything_told(stores: Stores, asked: Approval) -> set[int]:
    """The editions every sink has by now; none while one is owed something."""
    view = await stores.incidents.get(asked.incident_id)
    assert view is not None
    owing = [item for item in view.deliveries if item.state is not DeliveryState.DELIVERED]
    return set() if owing else {item.edition for item in view.deliveries}


@pytest.mark.slow
async def test_a_person_approves_in_slack_and_the_thread_tells_the_rest(site, slack):
    settings = {
        "slack_bot_token": BOT,
        "slack_app_token": APP,
        "slack_channel": CHANNEL,
        "slack_approvers": ("U0ADA",),
        "slack_api_url": f"{slack.url}/api/",
    }
    buttons_settings = load({**settings, "action_mode": "approve"})
    async with site.serving("approve", site.cordons(), **settings) as stores:
        socket = open_buttons(buttons_settings, stores, SystemClock())
        assert socket is not None
        listening = asyncio.create_task(socket.listen())
        try:
            asked = await question(stores)
            asking = await slack.until(lambda: next((m for m in slack.messages.values() if m.buttons), None))
            await slack.click(asking, APPROVE)
            await action(stores, ActionState.DONE)
            await slack.until(
                lambda: [m for m in slack.replies(slack.cards[0]) if "cordon_node" in m.words and "done" in m.words]
            )
        finally:
            listening.cancel()
            await asyncio.gather(listening, return_exceptions=True)
        decided = await stores.approvals.get(asked.id)
        editions = await until(lambda: everything_told(stores, asked))

    (event,) = [item for item in site.fleet.store.list("events") if item.get("reason") == "GCMSentinel"]
    assert "(cordon_node: done) | Action: cordon |" in event["message"]
    assert {event["count"]} == editions
    annotations = site.fleet.store.get("nodes", site.node)["metadata"]["annotations"]
    assert annotations["gcm-sentinel/action-state"] == "cordon_node: done"
    assert site.cordoned == [site.node]
    assert decided is not None
    assert (decided.decided_by, decided.channel) == ("U0ADA ada", "slack")
    assert len(slack.cards) == 1
    assert not [message for message in slack.messages.values() if message.buttons]
