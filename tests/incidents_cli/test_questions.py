"""`approvals list --all`, `show` and the decisions, once a question is decided, expired or withdrawn."""

from __future__ import annotations

import re
from datetime import timedelta

import pytest
from tests.incidents_cli.past import NODE

from gcm_sentinel.domain.action_record import ActionState


@pytest.fixture
def asked(past):
    """Four questions about one order: approved, expired, withdrawn, waiting. Gives the order's digest."""
    digests = []

    async def happen(given):
        await given.opened()
        record = await given.ordered(ActionState.WAITING)
        digests.append(record.order.digest)
        await given.answered(await given.asked(record, "ap-1"), approve=True)
        await given.asked(record, "ap-2", left=timedelta(minutes=-5))
        await given.withdrawn(await given.asked(record, "ap-3"), "inc-abc123.2 does not advise it any more")
        await given.asked(record, "ap-4")

    past(happen)
    return digests[0]


SAYS = {
    "ap-1": r"approved by ada \(cli\) at 20\S+ \S+ UTC: seen",
    "ap-2": r"expired at 20\S+ \S+ UTC: nobody decided in time",
    "ap-3": r"withdrawn by the agent at 20\S+ \S+ UTC: inc-abc123.2 does not advise it any more",
    "ap-4": r"waits for a person until 20\S+ \S+ UTC",
}


@pytest.mark.usefixtures("asked")
def test_a_list_shows_what_waits_and_with_all_what_became_of_every_question(gcm):
    waiting, everything = gcm("approvals", "list"), gcm("approvals", "list", "--all")

    assert [line.split()[0] for line in waiting.out.splitlines()] == ["ap-4"]
    lines = {line.split()[0]: line for line in everything.out.splitlines()}
    assert set(lines) == set(SAYS)
    for question in ("ap-1", "ap-2", "ap-3"):
        assert re.fullmatch(rf"{question}  cordon_node {NODE}  inc-abc123  {SAYS[question]}", lines[question])


@pytest.mark.usefixtures("asked")
def test_a_shorter_list_says_that_it_is_one(gcm):
    done = gcm("approvals", "list", "--all", "--limit", "2")

    assert len(done.out.splitlines()) == 2
    assert done.err == "only the newest 2 are shown (--limit)\n"


@pytest.mark.usefixtures("asked")
@pytest.mark.parametrize("question", SAYS)
def test_show_says_who_decided_when_by_which_channel_and_why(gcm, question):
    shown = gcm("approvals", "show", question).out

    assert re.search(rf"\n  question    {SAYS[question]}\n", shown)
    assert f"PATCH /api/v1/nodes/{NODE}" in shown


@pytest.mark.usefixtures("asked")
def test_json_has_one_word_for_where_a_question_stands(gcm):
    listed = gcm("approvals", "list", "--all", "--output", "json").json["approvals"]

    found = {item["id"]: (item["answer"], item["decided_by"], bool(item["decided_at"])) for item in listed}
    assert found == {
        "ap-1": ("approved", "ada", True),
        "ap-2": ("expired", "", False),
        "ap-3": ("withdrawn", "", True),
        "ap-4": ("waiting", "", False),
    }


@pytest.mark.parametrize("verb", ["approve", "deny"])
@pytest.mark.parametrize(
    ("question", "words"),
    [
        ("ap-2", "'ap-2' expired at "),
        ("ap-2", "`gcm-sentinel incidents reinvestigate inc-abc123` has it asked again"),
        ("ap-3", "'ap-3' was withdrawn: inc-abc123.2 does not advise it any more"),
    ],
)
@pytest.mark.usefixtures("asked")
def test_what_nobody_can_decide_any_more_says_why(gcm, verb, question, words):
    done = gcm("approvals", verb, question)

    assert (done.code, done.out) == (2, "")
    assert words in done.err


@pytest.mark.usefixtures("asked")
def test_what_was_decided_says_by_whom_when_and_why(gcm):
    same, other = gcm("approvals", "approve", "ap-1"), gcm("approvals", "deny", "ap-1")

    assert (same.code, other.code) == (0, 1)
    assert same.out == other.out
    assert re.fullmatch(rf"ap-1 was decided before: {SAYS['ap-1']}\n", same.out)


@pytest.mark.parametrize("given", ["0" * 12, "0" * 64, "short"])
def test_a_wrong_digest_is_answered_with_what_to_do_and_not_with_the_right_one(gcm, asked, given):
    done = gcm("approvals", "approve", "ap-4", "--digest", given)

    assert done.code == 2
    assert "gcm-sentinel approvals show ap-4" in done.err
    assert asked[:12] not in done.out + done.err


def test_an_empty_list_of_everything_says_so(gcm, past):
    past(lambda given: given.opened())

    assert gcm("approvals", "list", "--all").out == "nobody was asked yet\n"
