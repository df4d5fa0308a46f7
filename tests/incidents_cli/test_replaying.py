"""`incidents replay`: the stored transcript through the real loop."""

from __future__ import annotations

from datetime import timedelta

import pytest
from tests.incidents_cli.past import LOOK, NODE, SUBMISSION, SUBMIT, spending

from gcm_sentinel.domain.assessment import Outcome
from gcm_sentinel.domain.budget import Limits
from gcm_sentinel.domain.errors import Unreachable
from gcm_sentinel.domain.transcript import SUBMIT_TOOL
from gcm_sentinel.llm.scripted import calling, saying

UNSUPPORTED = {
    **SUBMISSION,
    "claims": [
        *SUBMISSION["claims"],
        {"text": "It was hot", "cites": [{"evidence": "E1", "quote": "95 C"}], "absence": False},
    ],
}
AGAIN = calling((SUBMIT_TOOL, UNSUPPORTED))
READ = ("read_kernel_log", {"node": NODE})


def test_the_same_assessment_comes_out(run, past):
    past(lambda given: given.investigated())

    done = run("replay", "inc-abc123")

    assert done.code == 0
    assert done.out == ("inc-abc123.1: 2 turns and 1 tool calls replayed\nthe same assessment came out (concluded)\n")


@pytest.mark.parametrize(
    ("turns", "limits"),
    [
        ((LOOK, saying("hm"), SUBMIT), None),
        ((LOOK, AGAIN, SUBMIT), None),
        ((LOOK, AGAIN, AGAIN, AGAIN, AGAIN), None),
        ((calling(READ, ("make_coffee", {})), SUBMIT), None),
        ((LOOK, AGAIN), Limits(rounds=2)),
        ((spending(90, READ), AGAIN), Limits(tokens=100)),
        ((spending(90, READ), spending(20, READ)), Limits(tokens=100)),
        ((spending(10, READ), spending(10, READ)), Limits(rounds=2)),
        ((LOOK, Unreachable("the provider is away")), None),
        ((LOOK, SUBMIT), Limits(wall=timedelta(seconds=30))),
    ],
    ids=[
        "talks", "is-corrected", "corrected-until-it-stands", "a-tool-that-is-not-there", "last-turn-by-rounds",
        "last-turn-by-tokens", "tokens-used-up", "rounds-used-up", "the-provider-fails", "another-wall-time",
    ],
)  # fmt: skip
def test_it_comes_out_whatever_happened_on_the_way(run, past, turns, limits):
    past(lambda given: given.investigated(turns=turns, limits=limits))

    done = run("replay", "inc-abc123", "--output", "json")

    assert done.json["differences"] == []
    assert done.json["same"] is True


def test_json_says_its_format_and_what_was_played(run, past):
    past(lambda given: given.investigated())

    assert run("replay", "inc-abc123", "--output", "json").json == {
        "format": "gcm-sentinel/replay/v1",
        "investigation": "inc-abc123.1",
        "same": True,
        "turns": 2,
        "tool_calls": 1,
        "outcome": str(Outcome.CONCLUDED),
        "differences": [],
    }


def test_other_code_that_judges_otherwise_is_told_with_both_verdicts(run, past, monkeypatch):
    past(lambda given: given.investigated())
    monkeypatch.setattr("gcm_sentinel.engine.judgement.parse", parse_gloomily)

    done = run("replay", "inc-abc123")

    assert done.code == 1
    assert "  confidence\n    recorded: 0.9\n    replayed: 0.1" in done.out


def parse_gloomily(arguments):
    """A newer parser that trusts nobody."""
    from gcm_sentinel.engine.submission import parse

    return parse({**arguments, "confidence": 0.1})


def test_an_investigation_that_has_not_ended_cannot_be_replayed(run, past):
    past(lambda given: given.opened())

    done = run("replay", "inc-abc123")

    assert done.code == 2
    assert "investigation inc-abc123.1 has no transcript to replay" in done.err
