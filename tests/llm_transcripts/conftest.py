"""Transcripts of every shape, for properties that must hold for all of them."""

from __future__ import annotations

import pytest
from hypothesis import strategies as st
from hypothesis.strategies import SearchStrategy
from tests.any_values import COUNTS, EVIDENCE, INCIDENTS, MAYBE, OBJECTS, WORDS

from gcm_sentinel.domain.transcript import (
    ModelTurn,
    Nudge,
    StopReason,
    ToolCall,
    ToolReplies,
    ToolReply,
    Transcript,
    Usage,
)

IDS = st.sampled_from(["", "toolu_01", "call_1", "call_0_0", "call_0_0_", "ä b", "x" * 64])
CALLS = st.builds(ToolCall, IDS, WORDS, OBJECTS, MAYBE)
REPLIES = st.builds(ToolReply, CALLS, WORDS, st.none() | EVIDENCE, st.booleans())
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
ENTRIES = TURNS | st.builds(ToolReplies, st.lists(REPLIES, max_size=3).map(tuple)) | st.builds(Nudge, WORDS)


@pytest.fixture(scope="session")
def transcripts() -> SearchStrategy[Transcript]:
    """Any transcript, the impossible ones included: open calls, stray replies, two turns in a row."""
    return st.builds(Transcript, WORDS, INCIDENTS, WORDS, st.lists(ENTRIES, max_size=6).map(tuple))


@pytest.fixture(scope="session")
def entries() -> SearchStrategy[ModelTurn | ToolReplies | Nudge]:
    """Any entry."""
    return ENTRIES
