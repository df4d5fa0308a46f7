"""Values of every shape (hypothesis strategies) that several behaviours must hold for: imported by their conftests."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone

from hypothesis import strategies as st

from gcm_sentinel.domain.entity import Entity, EntityKind
from gcm_sentinel.domain.evidence import Evidence, ResultStatus, TimeRange, ToolResult
from gcm_sentinel.domain.trigger import FaultScope, Incident, Trigger, TriggerStatus

WORDS = st.text(max_size=12)
SENTENCES = st.lists(WORDS, max_size=2).map(tuple)
MAYBE = st.none() | WORDS
COUNTS = st.integers(0, 10**9)
OFFSETS = st.sampled_from([UTC, timezone(timedelta(hours=5, minutes=30))])
TIMES = st.datetimes(datetime(2020, 1, 1), datetime(2030, 1, 1), timezones=OFFSETS)  # noqa: DTZ001  zones drawn beside
SCALARS = st.one_of(st.none(), st.booleans(), st.integers(), st.floats(allow_nan=False), WORDS)
JSON = st.recursive(
    SCALARS, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(WORDS, inner, max_size=3), max_leaves=6
)
OBJECTS = st.dictionaries(WORDS, JSON, max_size=3)

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
TRIGGERS = st.builds(
    Trigger, WORDS, WORDS, WORDS, st.sampled_from(TriggerStatus), WORDS, WORDS, TIMES, st.none() | TIMES, MAYBE, MAYBE
)
INCIDENTS = st.builds(
    Incident,
    WORDS,
    st.lists(TRIGGERS, min_size=1, max_size=3).map(tuple),
    TIMES,
    st.integers(1, 9),
    st.none() | st.builds(FaultScope, WORDS, WORDS),
    SENTENCES,
)
"""Of one node or of a storm."""
