"""A Slack on loopback, a sink that posts there, publications with actions at any state, and threads kept in memory."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from tests.notify.conftest import NOW, a_publication
from tests.slack.double import BOT, CHANNEL, SlackDouble, running

from gcm_sentinel.clients.slack import SlackApi
from gcm_sentinel.domain.action_record import ActionState, Approval, ApprovalState
from gcm_sentinel.domain.foreseen import Foreseen
from gcm_sentinel.domain.operations import Operation
from gcm_sentinel.domain.order import ActionTarget
from gcm_sentinel.domain.protocols import Publication
from gcm_sentinel.domain.published_action import PublishedAction
from gcm_sentinel.notify.retry import RetryPolicy
from gcm_sentinel.notify.slack import Place, SlackNotifier
from gcm_sentinel.storage.memory import MemoryThreads

DIGEST = "d" * 64
QUICK = RetryPolicy(timedelta(seconds=5), timedelta(seconds=5), timedelta(milliseconds=1), timedelta(milliseconds=5))


@pytest.fixture
async def slack() -> AsyncIterator[SlackDouble]:
    async with running() as double:
        yield double


@pytest.fixture
def threads() -> MemoryThreads:
    return MemoryThreads()


@pytest.fixture
def sink(slack: SlackDouble, threads: MemoryThreads) -> SlackNotifier:
    """One that takes decisions."""
    return a_sink(slack, threads)


def a_sink(slack: SlackDouble, threads: MemoryThreads, *, token: str = BOT, channel: str = CHANNEL) -> SlackNotifier:
    api = SlackApi(token, base_url=f"{slack.url}/api/")
    return SlackNotifier(api, Place(channel, buttons=True), threads, policy=QUICK)


def question(state: str = "waiting", by: str = "") -> Approval:
    until = NOW + timedelta(hours=1)
    return Approval(
        "ap-1", "inc-79", "inc-79.1/cordon_node/u", DIGEST, NOW, until, ApprovalState(state), None, by, "slack"
    )


def cordon(state: ActionState = ActionState.WAITING, **changed: Any) -> PublishedAction:
    """A cordon of the node; it waits for a person until told otherwise."""
    target = ActionTarget("node", "gpu-r03-n05", "u")
    call = 'PATCH /api/v1/nodes/gpu-r03-n05 {"spec":{"unschedulable":true}}'
    action = PublishedAction(
        "inc-79.1/cordon_node/u", Operation.CORDON_NODE, target, state, DIGEST, NOW, (call,), "unfit", "", question()
    )
    return replace(action, **{"foreseen": Foreseen(), **changed})


def edition(number: int, *actions: PublishedAction, **changed: Any) -> Publication:
    """The publication in its `number`-th edition."""
    revision = changed.pop("revision", 1)
    publication = a_publication(**changed)
    incident = replace(publication.incident, revision=revision)
    return replace(publication, incident=incident, actions=actions, edition=number, shown_before=number > 1)
