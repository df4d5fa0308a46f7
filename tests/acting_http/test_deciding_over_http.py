"""People decide over HTTP with a token of their own: who they are, what they decide about, and what they may not."""

from __future__ import annotations

import hashlib
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import httpx2
import pytest
from structlog.testing import capture_logs

from gcm_sentinel.app.approval_book import Book
from gcm_sentinel.app.approvals_http import ApprovalRoutes
from gcm_sentinel.app.approvers import Approvers
from gcm_sentinel.app.health import Health
from gcm_sentinel.app.http_server import endpoints, serve_http
from gcm_sentinel.app.metrics import AgentMetrics
from gcm_sentinel.domain.action_record import ActionRecord, Approval
from gcm_sentinel.domain.errors import BadConfiguration
from gcm_sentinel.domain.evidence import DESK, Evidence
from gcm_sentinel.domain.gate import Ruling, Verdict
from gcm_sentinel.domain.operations import Operation
from gcm_sentinel.domain.order import ActionTarget, ApiCall, Order
from gcm_sentinel.domain.ownership import NodeMarks
from gcm_sentinel.domain.remediation import Affected, Plan
from gcm_sentinel.remediation.proposals import noted as noted_result
from gcm_sentinel.storage.actions import Actions
from gcm_sentinel.storage.approvals import Approvals
from gcm_sentinel.storage.database import Database
from gcm_sentinel.storage.evidence import StoredEvidence
from gcm_sentinel.storage.investigations import Investigations

NOW = datetime(2026, 11, 20, 3, 0, tzinfo=UTC)
ADA, BOB = "ada-has-a-long-enough-token", "bob-has-a-long-enough-token"
CALL = ApiCall("PATCH", "/api/v1/nodes/gpu-7", {"spec": {"unschedulable": True}})
ORDER = Order(Operation.CORDON_NODE, ActionTarget("node", "gpu-7", "uid-7"), "inc-1", "inc-1.1", calls=(CALL,))
RECORD = ActionRecord(ORDER, "approve", NOW)
ASKED = Approval("ap-1", "inc-1", RECORD.id, ORDER.digest, NOW, NOW + timedelta(hours=1))
YES = {"approve": True, "digest": ORDER.digest, "reason": "seen"}


class Clock:
    """Stands until it is moved."""

    at = NOW

    def now(self) -> datetime:
        return self.at

    def monotonic(self) -> float:
        return 0.0


def line(token: str, name: str) -> str:
    return f"{hashlib.sha256(token.encode()).hexdigest()} {name}\n"


@dataclass
class Served:
    """The routes on a port."""

    client: httpx2.AsyncClient
    book: Book
    clock: Clock
    file: Path

    async def ask(self, method: str, path: str, token: str = ADA, **parts: Any) -> httpx2.Response:
        headers = {"Authorization": f"Bearer {token}"} if token else {}
        return await self.client.request(method, path, headers=headers, **parts)

    async def decide(self, token: str = ADA, **said: Any) -> httpx2.Response:
        return await self.ask("POST", "/v1/approvals/ap-1/decision", token, json={**YES, **said})


@pytest.fixture
async def served(tmp_path) -> AsyncIterator[Served]:
    file, clock = tmp_path / "approvers", Clock()
    file.write_text("# on call\n" + line(ADA, "Ada Lovelace") + "\n" + line(BOB, "bob") + line("short", "eve"))
    async with AsyncExitStack() as stack:
        database = await stack.enter_async_context(Database.open(f"sqlite:///{tmp_path}/i.db", clock=clock))
        book = Book(Actions(database), Approvals(database), StoredEvidence(database), Investigations(database), clock)
        await book.actions.propose([RECORD])
        await book.approvals.ask(ASKED)
        metrics = AgentMetrics(version="1", engine="playbook", mode="approve")
        app = endpoints(Health((), clock), metrics, ApprovalRoutes(book, Approvers(file)).routes())
        port = await stack.enter_async_context(serve_http(app, 0, host="127.0.0.1"))
        client = await stack.enter_async_context(httpx2.AsyncClient(base_url=f"http://127.0.0.1:{port}"))
        yield Served(client, book, clock, file)


async def test_what_waits_is_listed_with_exactly_what_would_be_sent(served):
    answer = await served.ask("GET", "/v1/approvals")

    (found,) = answer.json()["approvals"]
    assert (found["id"], found["action"], found["target"]["name"]) == ("ap-1", "cordon_node", "gpu-7")
    assert found["calls"] == ['PATCH /api/v1/nodes/gpu-7 {"spec":{"unschedulable":true}}']
    assert found["digest"] == ORDER.digest


async def test_the_token_says_who_decides(served):
    answer = await served.decide()

    assert answer.status_code == 200
    approval = await served.book.approvals.get("ap-1")
    assert (approval.decided_by, approval.channel, approval.reason) == ("Ada Lovelace", "http", "seen")


@pytest.mark.parametrize("token", ["", "stranger-with-a-long-token", "short", ADA + "x", ADA[:-1]])
@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("GET", "/v1/approvals"),
        ("GET", "/v1/approvals/ap-1"),
        ("POST", "/v1/approvals/ap-1/decision"),
        ("GET", "/v1/breaker"),
        ("POST", "/v1/breaker/reset"),
    ],
)
async def test_strangers_see_and_decide_nothing(served, method, path, token):
    answer = await served.ask(method, path, token, json=YES if method == "POST" else None)

    assert answer.status_code == 401
    assert answer.headers["www-authenticate"] == "Bearer"
    assert (await served.book.approvals.get("ap-1")) == ASKED


async def test_a_stranger_leaves_a_line_in_the_log_without_the_token(served):
    with capture_logs() as logs:
        await served.decide("stranger-with-a-long-token")

    assert [item["event"] for item in logs] == ["approval.unauthenticated"]
    assert "stranger-with" not in str(logs)


async def test_the_first_decision_stands(served):
    await served.decide(approve=False)

    second = await served.decide(BOB)

    assert second.status_code == 409
    words = "it was decided before: refused by Ada Lovelace (http) at 2026-11-20 03:00:00 UTC: seen"
    assert second.json()["error"] == words


async def test_a_question_that_waits_no_more_says_who_decided_when_by_which_channel_and_why(served):
    await served.decide(approve=False)

    found = (await served.ask("GET", "/v1/approvals/ap-1")).json()["approval"]

    said = [found[key] for key in ("answer", "decided_by", "channel", "decided_at", "decision_reason")]
    assert said == ["refused", "Ada Lovelace", "http", "2026-11-20T03:00:00+00:00", "seen"]


async def test_a_question_that_nobody_decided_in_time_is_told_as_expired(served):
    served.clock.at = NOW + timedelta(hours=2)

    found = (await served.ask("GET", "/v1/approvals/ap-1")).json()["approval"]

    assert (found["state"], found["answer"], found["decided_by"]) == ("waiting", "expired", "")


async def test_a_wrong_digest_is_not_answered_with_the_right_one(served):
    answer = await served.decide(digest="0" * 64)

    assert answer.status_code == 409
    assert ORDER.digest[:12] not in answer.text


async def test_the_same_decision_again_is_no_conflict(served):
    await served.decide()

    assert (await served.decide(BOB)).status_code == 200


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"digest": "0" * 64}, "look at it again"),
        ({"later": True}, "expired at"),
    ],
)
async def test_what_cannot_count_is_refused(served, change, words):
    if change.pop("later", False):
        served.clock.at = NOW + timedelta(hours=2)

    answer = await served.decide(**change)

    assert answer.status_code == 409
    assert words in answer.json()["error"]
    assert (await served.book.approvals.get("ap-1")) == ASKED


@pytest.mark.parametrize(
    ("body", "words"),
    [
        (b"", "Invalid JSON"),
        (b"[]", "body"),
        (b'{"approve": "yes", "digest": "' + b"0" * 64 + b'"}', "approve"),
        (b'{"approve": true}', "digest"),
        (b'{"approve": true, "digest": "abc"}', "digest"),
        (b'{"approve": true, "digest": "' + b"0" * 64 + b'", "by": "root"}', "by"),
    ],
)
async def test_a_body_that_is_no_decision(served, body, words):
    answer = await served.ask("POST", "/v1/approvals/ap-1/decision", content=body)

    assert answer.status_code == 400
    assert words in answer.json()["error"]


async def test_a_body_too_large_is_not_read_to_its_end(served):
    answer = await served.ask("POST", "/v1/approvals/ap-1/decision", content=b" " * 20_000)

    assert answer.status_code == 413


async def test_an_unknown_question(served):
    assert (await served.ask("GET", "/v1/approvals/ap-9")).status_code == 404


async def test_who_was_taken_out_of_the_file_decides_no_more(served):
    served.file.write_text(line(BOB, "bob"))

    assert (await served.decide(ADA)).status_code == 401
    assert (await served.decide(BOB)).status_code == 200


@pytest.mark.parametrize("damage", ["not a line\n", None])
async def test_while_the_file_cannot_be_read_nobody_decides(served, damage):
    if damage is None:
        served.file.unlink()
    else:
        served.file.write_text(damage)

    assert (await served.decide(ADA)).status_code == 401
    served.file.write_text(line(ADA, "ada"))
    assert (await served.decide(ADA)).status_code == 200


async def test_the_breaker_is_shown_and_reset_by_a_person(served):
    await served.book.actions.open_breaker(NOW, "6 of 100 out")

    before = await served.ask("GET", "/v1/breaker")
    after = await served.ask("POST", "/v1/breaker/reset")

    assert before.json() == {"open": True, "since": NOW.isoformat(), "reason": "6 of 100 out"}
    assert after.json() == {"open": False, "was_open": True}
    assert not (await served.book.actions.breaker()).is_open


@pytest.mark.parametrize("content", ["abc ada\n", "x" * 64 + " ada\n", "0" * 64 + "\n"])
def test_a_wrong_file_is_found_at_the_start(tmp_path, content):
    file = tmp_path / "approvers"
    file.write_text(content)

    with pytest.raises(BadConfiguration, match="line 1: expected"):
        Approvers(file)


def noted(*names: str) -> Evidence:
    plan = Plan(
        ORDER, NodeMarks(), affects=tuple(Affected(name, "PyTorchJob/llama", 8, ("ml/b-0",)) for name in names),
        spared=("ml/db-0: no controller",), notes=("the gang stops",),
    )  # fmt: skip
    return Evidence("E3", DESK, "cordon_node", {}, noted_result(plan, Ruling(Verdict.ASK, ("x",))), NOW, "d")


async def test_it_shows_every_pod_what_is_left_alone_and_what_to_know(served):
    names = [f"ml/train-{number}" for number in range(60)]
    await served.book.evidence.put("inc-1.1", noted(*names))

    for path in ("/v1/approvals/ap-1", "/v1/approvals"):
        body = (await served.ask("GET", path)).json()
        found = body["approval"] if "approval" in body else body["approvals"][0]
        assert found["affects"] == [f"{name} of PyTorchJob/llama; 8 GPUs; stops with it: ml/b-0" for name in names]
        assert (found["spared"], found["plan_notes"]) == (["ml/db-0: no controller"], ["the gang stops"])


async def test_what_is_not_stored_any_more_is_not_shown_as_nothing(served):
    assert (await served.ask("GET", "/v1/approvals/ap-1")).json()["approval"]["affects"] is None


async def test_no_word_of_others_reaches_a_terminal_as_a_command(served):
    hostile = "ml/a\u202e\x9b31m\x1b[2J"
    await served.book.evidence.put("inc-1.1", noted(hostile))

    answer = await served.ask("GET", "/v1/approvals/ap-1")

    assert answer.text.isascii()
    assert answer.text.isprintable()
    assert answer.json()["approval"]["affects"][0].startswith(hostile)
