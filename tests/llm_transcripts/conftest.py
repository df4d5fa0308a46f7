"""Transcripts of every shape, for properties that must hold for all of them."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest
from hypothesis import strategies as st
from hypothesis.strategies import SearchStrategy
from tests.any_values import COUNTS, EVIDENCE, INCIDENTS, MAYBE, OBJECTS, WORDS

from gcm_sentinel.domain.transcript import (
    Entry,
    ModelTurn,
    Nudge,
    StopReason,
    ToolCall,
    ToolReplies,
    ToolReply,
    Transcript,
    Usage,
)
from gcm_sentinel.domain.trigger import Incident, Trigger, TriggerStatus

IDS = st.sampled_from(["", "toolu_01", "call_1", "call_0_0", "call_0_0_", "ä b", "x" * 64])
CALLS = st.builds(ToolCall, IDS, WORDS, OBJECTS, MAYBE)
OPAQUE = st.none() | st.fixed_dictionaries(
    {"wire": st.sampled_from(["anthropic:m", "responses:m"])},
    optional={key: st.lists(st.fixed_dictionaries({"type": WORDS}), max_size=2) for key in ("content", "items")},
)
TURNS = st.builds(
    ModelTurn,
    WORDS,
    st.lists(CALLS, max_size=3).map(tuple),
    st.sampled_from(StopReason),
    st.builds(Usage, COUNTS, COUNTS, COUNTS, COUNTS),
    st.sampled_from(["anthropic", "openai", "playbook", ""]),
    WORDS,
    st.floats(0, 600),
    OPAQUE,
    st.lists(WORDS, max_size=2).map(tuple),
)
NUDGES = st.builds(Nudge, WORDS)
REPLIES = st.builds(ToolReply, CALLS, WORDS, st.none(), st.booleans())
STORED_REPLIES = st.builds(ToolReply, CALLS, WORDS, st.none() | EVIDENCE, st.booleans())
NOW = datetime(2026, 11, 20, 3, tzinfo=UTC)
INCIDENT = Incident("inc-1", (Trigger("manual", "gpu-1", "GpuXid", TriggerStatus.PROBLEM, "", "", NOW, None),), NOW)


def _entries(replies: SearchStrategy[ToolReply]) -> SearchStrategy[Entry]:
    return TURNS | st.builds(ToolReplies, st.lists(replies, max_size=3).map(tuple)) | NUDGES


def _transcripts(incidents: SearchStrategy[Incident], replies: SearchStrategy[ToolReply]) -> SearchStrategy[Transcript]:
    return st.builds(Transcript, WORDS, incidents, WORDS, st.lists(_entries(replies), max_size=6).map(tuple))


@pytest.fixture(scope="session")
def transcripts() -> SearchStrategy[Transcript]:
    """Any transcript, the impossible ones included: open calls, stray replies, two turns in a row."""
    return _transcripts(INCIDENTS, STORED_REPLIES)


@pytest.fixture(scope="session")
def conversations() -> SearchStrategy[Transcript]:
    """The same of one incident and without evidence: no wire reads them, and they take most of the time to draw."""
    return _transcripts(st.just(INCIDENT), REPLIES)


@pytest.fixture(scope="session")
def entries() -> SearchStrategy[Entry]:
    """Any entry of a conversation."""
    return _entries(REPLIES)
