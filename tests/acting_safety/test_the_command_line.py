"""`gcm-sentinel approvals` and `breaker` as people type them, on the database file that a `serve` has left."""

from __future__ import annotations

import asyncio
import io
import json
import os
import sys
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import Any

import pytest
import structlog
from sqlalchemy import update

from gcm_sentinel.app.cli import main
from gcm_sentinel.app.clock import SystemClock
from gcm_sentinel.app.stores import Stores, open_stores
from gcm_sentinel.domain.action_record import ActionRecord, ActionState, Approval, ApprovalState
from gcm_sentinel.domain.evidence import DESK, Evidence
from gcm_sentinel.domain.gate import Ruling, Verdict
from gcm_sentinel.domain.operations import Operation
from gcm_sentinel.domain.order import ActionTarget, ApiCall, Order
from gcm_sentinel.domain.ownership import NodeMarks
from gcm_sentinel.domain.remediation import Affected, Plan
from gcm_sentinel.remediation.proposals import noted as note
from gcm_sentinel.storage.actions import Step
from gcm_sentinel.storage.schema import actions

CALL = ApiCall("PATCH", "/api/v1/nodes/gpu-7", {"spec": {"unschedulable": True}}, "application/merge-patch+json")
ORDER = Order(Operation.CORDON_NODE, ActionTarget("node", "gpu-7", "uid-7"), "inc-1", "inc-1.1", {}, (CALL,), "unfit")
DIGEST = ORDER.digest
HOSTILE = "fine\x1b[2J\x1b[1;1H\r\nap-2  cordon_node nothing \u202eedon\u200b\x9b31m"


@dataclass
class Done:
    """A command that ended."""

    code: int
    out: str
    err: str

    @property
    def json(self) -> Any:
        return json.loads(self.out)


class Console:
    """The command line over one database."""

    def __init__(self, folder: Any, call: Callable[..., Done]) -> None:
        self._url = f"sqlite:///{folder}/gcm-sentinel.db"
        self.call = call

    def within(self, work: Callable[[Stores], Awaitable[Any]]) -> Any:
        async def opened() -> Any:
            async with open_stores(self._url, SystemClock()) as stores:
                return await work(stores)

        return asyncio.run(opened())

    def asks(self, *, reason: str = "unfit for work", left: timedelta = timedelta(minutes=50)) -> None:
        """A question is open: ap-1."""
        now = SystemClock().now()
        record = ActionRecord(replace(ORDER, reason=reason, asked_by="playbook"), "approve", now)

        async def ask(stores: Stores) -> None:
            await stores.actions.propose([record])
            await stores.approvals.ask(Approval("ap-1", "inc-1", record.id, DIGEST, now, now + left))
            await stores.actions.advance(record.id, Step(ActionState.WAITING, now, ruling="a person decides"))

        self.within(ask)

    @property
    def approval(self) -> Approval:
        found: Approval = self.within(lambda stores: stores.approvals.get("ap-1"))
        return found


@pytest.fixture
def console(tmp_path, monkeypatch, capsys):
    for name in [name for name in os.environ if name.startswith("GCM_SENTINEL_")]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("GCM_SENTINEL_STATE_DIR", str(tmp_path))

    def call(*arguments: str, typed: str | None = None) -> Done:
        said = io.StringIO(typed or "")
        said.isatty = lambda: typed is not None  # type: ignore[method-assign]
        monkeypatch.setattr(sys, "stdin", said)
        monkeypatch.setattr(sys, "argv", ["gcm-sentinel", *arguments])
        capsys.readouterr()
        with pytest.raises(SystemExit) as ended:
            main()
        printed = capsys.readouterr()
        return Done(int(ended.value.code or 0), printed.out, printed.err)

    found = Console(tmp_path, call)
    found.within(lambda stores: stores.actions.breaker())
    yield found
    structlog.reset_defaults()


def test_a_list_without_questions_says_so(console):
    assert console.call("approvals", "list").out == "nothing waits for a person\n"


def test_a_list_names_what_waits_and_how_long(console):
    console.asks()

    listed = console.call("approvals", "list")

    assert listed.out == "ap-1  cordon_node gpu-7  inc-1  49 min left  unfit for work\n"


def test_json_says_what_it_is(console):
    console.asks()

    listed = console.call("approvals", "list", "--output", "json").json
    shown = console.call("approvals", "show", "ap-1", "--output", "json").json

    assert (listed["format"], shown["format"]) == ("gcm-sentinel/approvals/v1", "gcm-sentinel/approval/v1")
    assert {"format": "gcm-sentinel/approval/v1", **listed["approvals"][0], "because": None} == shown
    assert (shown["id"], shown["state"], shown["digest"]) == ("ap-1", "waiting", DIGEST)
    assert shown["calls"] == ['PATCH /api/v1/nodes/gpu-7 {"spec":{"unschedulable":true}}']


def test_show_prints_the_exact_request_and_the_digest(console):
    console.asks()

    shown = console.call("approvals", "show", "ap-1").out

    assert '    PATCH /api/v1/nodes/gpu-7 {"spec":{"unschedulable":true}}\n' in shown
    assert f"  digest      {DIGEST}\n" in shown
    assert "asked by playbook: unfit for work" in shown
    assert "  because     the assessment is not stored any more: look before you decide\n" in shown


@pytest.mark.parametrize("command", [("list",), ("show", "ap-1"), ("show", "ap-1", "--output", "json")])
def test_words_of_a_model_move_nothing_in_the_terminal(console, command):
    console.asks(reason=HOSTILE)

    printed = console.call("approvals", *command).out

    assert printed.isprintable() or set(printed) - {"\n"} == {sign for sign in printed if sign.isprintable()}
    assert "\nap-2" not in printed


@pytest.mark.parametrize("length", [12, 64])
def test_approving_takes_the_digest_or_its_beginning(console, length):
    console.asks()

    done = console.call("approvals", "approve", "ap-1", "--digest", DIGEST[:length], "--by", "ada", "--reason", "seen")

    assert (done.code, done.out.split(";")[0]) == (0, "ap-1 is approved by ada")
    found = console.approval
    assert (found.state, found.decided_by, found.channel, found.reason) == ("approved", "ada", "cli", "seen")


@pytest.mark.parametrize(
    ("digest", "words"),
    [
        (DIGEST[:11], "--digest needs 12 characters at least, not 11"),
        ("0" * 64, "look at it again and decide about what is shown now"),
        (DIGEST[1:], "look at it again"),
        (DIGEST + "0", "look at it again"),
    ],
)
def test_a_digest_that_is_not_the_orders_decides_nothing(console, digest, words):
    console.asks()

    done = console.call("approvals", "approve", "ap-1", "--digest", digest)

    assert done.code != 0
    assert words in done.err
    assert console.approval.state is ApprovalState.WAITING


def test_where_nobody_can_be_asked_a_digest_is_needed(console):
    console.asks()

    done = console.call("approvals", "approve", "ap-1")

    assert done.code != 0
    assert "give --digest with what it shows" in done.err
    assert console.approval.state is ApprovalState.WAITING


@pytest.mark.parametrize(
    ("typed", "state"), [("yes\n", "approved"), ("y\n", "waiting"), ("\n", "waiting"), ("", "waiting")]
)
def test_at_a_terminal_the_order_is_shown_and_only_yes_approves(console, typed, state):
    console.asks()

    done = console.call("approvals", "approve", "ap-1", typed=typed)

    assert "PATCH /api/v1/nodes/gpu-7" in done.out
    assert console.approval.state == state
    assert (done.code == 0) is (state == "approved")


@pytest.mark.parametrize("command", ["approve", "deny"])
def test_it_can_be_too_late(console, command):
    console.asks(left=timedelta(seconds=-1))

    done = console.call("approvals", command, "ap-1", *(["--digest", DIGEST] if command == "approve" else []))

    assert done.code != 0
    assert "ap-1' expired at" in done.err
    assert console.approval.state is ApprovalState.WAITING


def test_who_comes_second_is_told_who_was_first(console):
    console.asks()
    assert console.call("approvals", "deny", "ap-1", "--by", "bob").code == 0

    late = console.call("approvals", "approve", "ap-1", "--digest", DIGEST, "--by", "ada")
    same = console.call("approvals", "deny", "ap-1", "--by", "ada")

    assert late.out == same.out
    assert late.out.startswith("ap-1 was decided before: refused by bob (cli) at 20")
    assert late.code != 0
    assert same.code == 0
    assert console.approval.decided_by == "bob"


@pytest.mark.parametrize("command", [("show",), ("deny",), ("approve", "--digest", DIGEST)])
def test_a_question_nobody_asked_is_not_found(console, command):
    done = console.call("approvals", command[0], "ap-9", *command[1:])

    assert done.code != 0
    assert "there is no question 'ap-9'" in done.err


def test_an_order_that_was_changed_in_the_database_is_listed_as_such_and_cannot_be_approved(console):
    console.asks()

    async def change(stores: Stores) -> None:
        async with stores.database.writing() as connection:
            await connection.execute(update(actions).values(target_name="gpu-70"))

    console.within(change)

    assert "was changed: it cannot be approved" in console.call("approvals", "list").out
    assert console.call("approvals", "approve", "ap-1", "--digest", DIGEST).code != 0
    assert console.approval.state is ApprovalState.WAITING


def test_the_breaker_is_shown_and_reset(console):
    assert console.call("breaker", "show").out == "the breaker is closed\n"
    console.within(lambda stores: stores.actions.open_breaker(SystemClock().now(), "9 of 20 out\x1b[2J"))

    shown, reset = console.call("breaker", "show"), console.call("breaker", "reset", "--by", "ada")

    assert shown.code == 1
    assert "9 of 20 out␛[2J" in shown.out
    assert (reset.code, reset.out) == (0, "the breaker is closed\n")
    assert console.call("breaker", "reset").out == "the breaker was closed already\n"
    assert console.call("breaker", "show").code == 0


def test_every_pod_it_would_stop_is_shown_with_what_stays_and_what_to_know(console):
    pods = [f"ml/train-{number}" for number in range(60)]
    plan = Plan(
        ORDER,
        NodeMarks(),
        affects=tuple(Affected(pod, "PyTorchJob/llama", 8, ("ml/other-0",)) for pod in pods),
        spared=("ml/db-0: no controller\x1b[2J",),
        notes=("the gang stops",),
    )
    noted = Evidence("E3", DESK, "cordon_node", {}, note(plan, Ruling(Verdict.ASK, ("x",))), SystemClock().now(), "d")
    console.asks()
    console.within(lambda stores: stores.evidence.put("inc-1.1", noted))

    shown = console.call("approvals", "show", "ap-1").out

    assert "  affects     60 pods:\n" in shown
    assert all(f"    {pod} of PyTorchJob/llama; 8 GPUs; stops with it: ml/other-0\n" in shown for pod in pods)
    assert "  leaves\n    ml/db-0: no controller␛[2J\n  know\n    the gang stops\n" in shown


def test_what_it_affects_and_is_not_stored_any_more_is_said(console):
    console.asks()

    assert "what was foreseen is not stored any more" in console.call("approvals", "show", "ap-1").out
