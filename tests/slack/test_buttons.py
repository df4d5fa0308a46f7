"""Who decides by a button in Slack, about what, and how often: real Socket Mode, real approvals in SQLite."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from dataclasses import dataclass, replace
from datetime import timedelta

import pytest
from structlog.testing import capture_logs
from tests.notify.conftest import NOW, StillClock
from tests.slack.conftest import DIGEST, cordon, edition, question
from tests.slack.double import APP, BOT, CHANNEL, Message, SlackDouble

from gcm_sentinel.clients.slack import SlackApi
from gcm_sentinel.clients.slack_socket import SlackSocket, SocketAccess
from gcm_sentinel.domain.action_record import ActionState, Approval, ApprovalState, Decision
from gcm_sentinel.domain.errors import BadConfiguration, Unauthenticated, Unreachable
from gcm_sentinel.notify.slack_buttons import SlackButtons
from gcm_sentinel.notify.slack_question import APPROVE, DENY
from gcm_sentinel.storage.approvals import Approvals
from gcm_sentinel.storage.database import Database
from gcm_sentinel.storage.memory import MemoryThreads

PING_S = 0.05


@dataclass
class Desk:
    """A question in the channel, and whoever listens for the answer."""

    slack: SlackDouble
    approvals: Approvals
    threads: MemoryThreads
    asked: Message

    @property
    def told(self) -> list[Message]:
        """What the thread says after the question."""
        return self.slack.replies(self.slack.cards[0])[1:]

    def listening(self, approvers=("U0ADA",), app_token: str = APP) -> SlackSocket:
        api = SlackApi(BOT, base_url=f"{self.slack.url}/api/")
        buttons = SlackButtons(self.approvals, api, approvers, StillClock(), self.threads)
        return SlackSocket(SocketAccess(app_token, f"{self.slack.url}/api/", ping_s=PING_S), buttons)

    async def stored(self) -> Approval:
        found = await self.approvals.get("ap-1")
        assert found is not None
        return found

    async def refusal(self) -> str:
        """What who clicked is told alone."""
        return str((await self.slack.until(lambda: self.slack.whispers))[-1][1])


@pytest.fixture
async def desk(slack, sink, threads, tmp_path) -> AsyncIterator[Desk]:
    await sink.publish(edition(2, cordon()))
    async with Database.open(f"sqlite:///{tmp_path}/db", clock=StillClock()) as database:
        approvals = Approvals(database)
        await approvals.ask(question())
        yield Desk(slack, approvals, threads, slack.replies(slack.cards[0])[0])


@pytest.fixture
async def open_desk(desk) -> AsyncIterator[Desk]:
    """Ada may decide, and somebody listens."""
    async with at_work(desk, desk.listening()):
        yield desk


class at_work:  # noqa: N801  reads as a block
    """`socket` listening, until the block ends."""

    def __init__(self, desk: Desk, socket: SlackSocket) -> None:
        self.desk, self.socket = desk, socket

    async def __aenter__(self) -> asyncio.Task[None]:
        self.task = asyncio.create_task(self.socket.listen())
        async with asyncio.timeout(10):
            await self.desk.slack.connected.get()
        return self.task

    async def __aexit__(self, *_: object) -> None:
        self.task.cancel()
        await asyncio.gather(self.task, return_exceptions=True)


@pytest.mark.parametrize(("button", "state"), [(APPROVE, ApprovalState.APPROVED), (DENY, ApprovalState.REFUSED)])
async def test_a_click_decides_and_the_thread_says_who_did(open_desk, button, state):
    slack, asked = open_desk.slack, open_desk.asked

    await slack.click(asked, button)
    (reply,) = await slack.until(lambda: open_desk.told)
    await slack.until(lambda: asked.changes)

    stored = await open_desk.stored()
    assert (stored.state, stored.decided_by, stored.channel) == (state, "U0ADA ada", "slack")
    assert reply.words == f"ap-1 is {state} by ada (U0ADA)"
    assert asked.buttons == {}


async def test_a_click_does_not_overwrite_what_came_of_it_meanwhile(open_desk, sink):
    slack, asked = open_desk.slack, open_desk.asked
    before = replace(asked)
    await sink.publish(edition(3, cordon(ActionState.DONE)))
    told = len(open_desk.told)

    await slack.click(before, APPROVE)
    await slack.until(lambda: len(open_desk.told) > told)
    await slack.click(before, APPROVE)
    await open_desk.refusal()

    assert asked.words.startswith("cordon_node gpu-r03-n05: done")


async def test_who_is_not_listed_decides_nothing_and_it_is_logged(open_desk):
    with capture_logs() as logs:
        await open_desk.slack.click(open_desk.asked, APPROVE, user="U0EVE")
        refusal = await open_desk.refusal()

    assert (await open_desk.stored()).state is ApprovalState.WAITING
    assert "GCM_SENTINEL_SLACK_APPROVERS" in refusal
    (line,) = [line for line in logs if line["event"] == "slack.decision_refused"]
    assert (line["user"], line["channel"], line["question"]) == ("U0EVE", CHANNEL, "ap-1")


async def test_a_listed_channel_lets_everybody_in_it_decide(desk):
    async with at_work(desk, desk.listening(approvers=(CHANNEL,))):
        await desk.slack.click(desk.asked, APPROVE, user="U0EVE")
        await desk.slack.until(lambda: desk.told)

    assert (await desk.stored()).decided_by == "U0EVE ada"


@pytest.mark.parametrize(
    ("value", "reason"),
    [
        (json.dumps({"question": "ap-1", "digest": "e" * 64}), "look at it again"),
        (json.dumps({"question": "ap-9", "digest": DIGEST}), "there is no approval"),
        ("not json", "names no question"),
        (json.dumps(["ap-1"]), "names no question"),
        (json.dumps({"question": 1, "digest": DIGEST}), "names no question"),
    ],
)
async def test_an_edited_or_replayed_button_decides_nothing(open_desk, value, reason):
    await open_desk.slack.click(open_desk.asked, APPROVE, value=value)

    assert reason in await open_desk.refusal()
    assert (await open_desk.stored()).state is ApprovalState.WAITING


async def test_the_second_of_two_is_told_who_was_first(open_desk):
    await open_desk.approvals.decide("ap-1", Decision(False, DIGEST, "bob", "cli", NOW))

    await open_desk.slack.click(open_desk.asked, APPROVE)

    assert "ap-1 was decided before: refused by bob (cli)" in await open_desk.refusal()
    assert (await open_desk.stored()).decided_by == "bob"


async def test_a_question_that_expired_cannot_be_decided(desk):
    late = StillClock()
    late.now = lambda: NOW + timedelta(hours=2)  # type: ignore[method-assign]
    api = SlackApi(BOT, base_url=f"{desk.slack.url}/api/")
    buttons = SlackButtons(desk.approvals, api, ("U0ADA",), late, desk.threads)
    socket = SlackSocket(SocketAccess(APP, f"{desk.slack.url}/api/", ping_s=PING_S), buttons)

    async with at_work(desk, socket):
        await desk.slack.click(desk.asked, APPROVE)
        assert "expired" in await desk.refusal()


async def test_what_is_no_click_of_ours_is_acknowledged_and_left(open_desk):
    slack = open_desk.slack
    await slack.send("slash_commands", {"command": "/x"})
    await slack.send("interactive", {"type": "block_actions", "actions": [{"action_id": "other"}]})
    await slack.send("interactive", {"type": "view_submission"})
    await slack.send("interactive", {"type": "block_actions", "actions": "odd", "user": 7})

    await slack.click(open_desk.asked, APPROVE)
    await slack.until(lambda: open_desk.told)
    assert slack.whispers == []


async def test_a_connection_slack_renews_goes_on(open_desk):
    slack = open_desk.slack
    await slack.sockets[-1].send_json({"type": "disconnect", "reason": "refresh_requested"})
    async with asyncio.timeout(10):
        await slack.connected.get()

    await slack.click(open_desk.asked, APPROVE)
    await slack.until(lambda: open_desk.told)


async def test_a_lost_connection_is_told_so_that_another_is_opened(desk):
    async with at_work(desk, desk.listening()) as task:
        await desk.slack.sockets[-1].close()
        with pytest.raises(Unreachable, match="was lost"):
            await asyncio.wait_for(task, 10)

    async with at_work(desk, desk.listening()):
        await desk.slack.click(desk.asked, APPROVE)
        await desk.slack.until(lambda: desk.told)


async def test_a_wrong_app_token_is_refused_at_once(desk):
    with pytest.raises(Unauthenticated, match="invalid_auth") as failed:
        await asyncio.wait_for(desk.listening(app_token="xapp-wrong").listen(), 10)

    assert "xapp-wrong" not in str(failed.value)


async def test_a_decision_stands_though_slack_cannot_be_told(open_desk):
    from aiohttp import web

    slack = open_desk.slack
    slack.answers = [web.json_response({"ok": False, "error": "fatal_error"})]
    with capture_logs() as logs:
        await slack.click(open_desk.asked, APPROVE)
        await slack.click(open_desk.asked, APPROVE)
        await open_desk.refusal()

    assert (await open_desk.stored()).state is ApprovalState.APPROVED
    assert "slack.decision_not_told" in [line["event"] for line in logs]


@pytest.mark.parametrize("approver", ["ada", "@ada", "u0ada", "U", "D0123"])
def test_an_approver_that_is_no_id_ends_the_start(desk, approver):
    with pytest.raises(BadConfiguration, match="GCM_SENTINEL_SLACK_APPROVERS"):
        desk.listening(approvers=(approver,))
