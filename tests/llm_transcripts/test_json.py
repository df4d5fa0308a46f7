"""A transcript written as JSON reads back as the same value, and a damaged file says where."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gcm_sentinel.domain.errors import BadConfiguration
from gcm_sentinel.domain.transcript_json import (
    transcript_from_json,
    transcript_to_json,
    turn_from_json,
    turn_to_json,
)


@settings(deadline=None)
@given(data=st.data())
def test_what_was_written_reads_back_equal(transcripts, data):
    transcript = data.draw(transcripts)

    again = transcript_from_json(json.loads(json.dumps(transcript_to_json(transcript))))

    assert again == transcript


@pytest.fixture
def written():
    """A small transcript as JSON, every kind of entry in it."""
    call: dict[str, Any] = {"id": "c", "name": "a", "arguments": {}, "malformed": None}
    usage = {"input_tokens": 1, "cached_tokens": 0, "output_tokens": 1}
    turn: dict[str, Any] = {"type": "turn", "text": "", "tool_calls": [call], "stop": "tool_use", "usage": usage}
    trigger: dict[str, Any] = {
        "source": "manual",
        "node": "gpu-7",
        "kind": "K",
        "status": "problem",
        "reason": "",
        "message": "",
    }
    return {
        "format": 1,
        "system": "s",
        "brief": "b",
        "incident": {
            "id": "i",
            "opened_at": "2026-11-20T03:00:00+00:00",
            "triggers": [{**trigger, "observed_at": "2026-11-20T03:00:00+00:00"}],
        },
        "entries": [
            {**turn, "engine": "anthropic", "model": "m", "latency_s": 1},
            {"type": "replies", "replies": [{"call": call, "content": "ok", "evidence": None, "is_error": False}]},
            {"type": "nudge", "text": "go on"},
        ],
    }


def test_fields_that_were_added_later_have_their_defaults(written):
    transcript = transcript_from_json(written)

    turn = turn_from_json(written["entries"][0])
    assert transcript.entries[0] == turn
    assert (turn.notes, turn.usage.cache_write_tokens, turn.latency_s) == ((), 0, 1.0)
    assert turn_to_json(turn)["engine"] == "anthropic"


@pytest.mark.parametrize(
    ("path", "value", "says"),
    [
        (("format",), 2, "format 2 is not known; this version reads format 1"),
        (("brief",), 7, "transcript.brief: expected str, found int"),
        (("incident", "triggers"), [], "transcript.incident.triggers: an incident has at least one"),
        (("incident", "opened_at"), "today", r"transcript.incident.opened_at: 'today' is not an ISO-8601 time"),
        (("entries", 0, "stop"), "tired", r"transcript.entries\[0\].stop: 'tired' is not known"),
        (("entries", 0, "usage", "input_tokens"), True, r"entries\[0\].usage.input_tokens: expected int, found bool"),
        (("entries", 1, "replies", 0, "call"), None, r"entries\[1\].replies\[0\].call: expected an object"),
        (("entries", 2, "type"), "hum", r"entries\[2\].type: 'hum' is none of turn, nudge, replies"),
    ],
    ids=lambda value: ".".join(map(str, value)) if isinstance(value, tuple) else None,
)
def test_a_damaged_file_says_where(path, value, says, written):
    place = written
    for step in path[:-1]:
        place = place[step]
    place[path[-1]] = value

    with pytest.raises(BadConfiguration, match=says):
        transcript_from_json(written)


@pytest.mark.parametrize("data", [None, [], "transcript"])
def test_something_else_is_no_transcript(data):
    with pytest.raises(BadConfiguration, match="transcript: expected an object"):
        transcript_from_json(data)
