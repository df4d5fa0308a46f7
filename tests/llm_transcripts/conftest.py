"""Transcripts of every shape, for properties that must hold for all of them."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone

import pytest
from hypothesis import strategies as st
from hypothesis.strategies import SearchStrategy

from gcm_sentinel.domain.entity import Entity, EntityKind
from gcm_sentinel.domain.evidence import Evidence, ResultStatus, TimeRange, ToolResult
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
from gcm_sentinel.domain.trigger import FaultScope, Incident, Trigger, TriggerStatus

WORDS = st.text(max_size=12)
COUNTS = st.integers(0, 10**9)
OFFSETS = st.sampled_from([UTC, timezone(timedelta(hours=5, minutes=30))])
TIMES = st.datetimes(datetime(2020, 1, 1), datetime(2030, 1, 1), timezones=OFFSETS)  # noqa: DTZ001  zones drawn beside
SCALARS = st.one_of(st.none(), st.booleans(), st.integers(), st.floats(allow_nan=False), WORDS)
JSON = st.recursive(
    SCALARS, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(WORDS, inner, max_size=3), max_leaves=6
)
OBJECTS = st.dictionaries(WORDS, JSON, max_size=3)
IDS = st.sampled_from(["", "toolu_01", "call_1", "call_0_0", "call_0_0_", "ä b", "x" * 64])
MAYBE = st.none() | WORDS

INDEXES = st.none() | st.integers(0, 15)
ENTITIES = st.builds(Entity, st.sampled_from(EntityKind), WORDS, MAYBE, INDEXES, MAYBE, MAYBE, MAYBE)
RESULTS = st.builds(
    ToolResult,
    st.sampled_from(ResultStatus),
    WORDS,
    OBJECTS,
    WORDS,
    st.none() | st.builds(TimeRange, TIMES, TIMES),
    st.lists(ENTITIES, max_size=2).map(tuple),
    WORDS,
)
EVIDENCE = st.builds(Evidence, WORDS, WORDS, WORDS, OBJECTS, RESULTS, TIMES, WORDS)
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
TRIGGERS = st.builds(
    Trigger, WORDS, WORDS, WORDS, st.sampled_from(TriggerStatus), WORDS, WORDS, TIMES, st.none() | TIMES, MAYBE, MAYBE
)
INCIDENTS = st.builds(
    Incident,
    WORDS,
    st.lists(TRIGGERS, min_size=1, max_size=2).map(tuple),
    TIMES,
    st.integers(1, 9),
    st.none() | st.builds(FaultScope, WORDS, WORDS),
    st.lists(WORDS, max_size=3).map(tuple),
)


@pytest.fixture(scope="session")
def transcripts() -> SearchStrategy[Transcript]:
    """Any transcript, the impossible ones included: open calls, stray replies, two turns in a row."""
    return st.builds(Transcript, WORDS, INCIDENTS, WORDS, st.lists(ENTRIES, max_size=6).map(tuple))


@pytest.fixture(scope="session")
def entries() -> SearchStrategy[ModelTurn | ToolReplies | Nudge]:
    """Any entry."""
    return ENTRIES
