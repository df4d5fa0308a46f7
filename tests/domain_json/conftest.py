"""Values of every shape, for properties that must hold for all of them."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone

import pytest
from hypothesis import strategies as st
from hypothesis.strategies import SearchStrategy

from gcm_sentinel.domain.actions import Action
from gcm_sentinel.domain.assessment import (
    Assessment,
    CausalStep,
    Citation,
    Claim,
    Draft,
    Outcome,
    RecommendedAction,
    RuledOut,
    Severity,
    Spend,
    StruckClaim,
)
from gcm_sentinel.domain.entity import Entity, EntityKind
from gcm_sentinel.domain.evidence import Evidence, ResultStatus, TimeRange, ToolResult
from gcm_sentinel.domain.faults import FaultClass
from gcm_sentinel.domain.trigger import FaultScope, Incident, Trigger, TriggerStatus

WORDS = st.text(max_size=12)
SENTENCES = st.lists(WORDS, max_size=2).map(tuple)
MAYBE = st.none() | WORDS
COUNTS = st.integers(0, 10**9)
NUMBERS = st.floats(0, 1e6)
OFFSETS = st.sampled_from([UTC, timezone(timedelta(hours=5, minutes=30))])
TIMES = st.datetimes(datetime(2020, 1, 1), datetime(2030, 1, 1), timezones=OFFSETS)  # noqa: DTZ001  zones drawn beside
SCALARS = st.one_of(st.none(), st.booleans(), st.integers(), st.floats(allow_nan=False), WORDS)
OBJECTS = st.dictionaries(WORDS, SCALARS | st.lists(SCALARS, max_size=2), max_size=3)

INDEXES = st.none() | st.integers(0, 15)
ENTITIES = st.builds(Entity, st.sampled_from(EntityKind), WORDS, MAYBE, INDEXES, MAYBE, MAYBE, MAYBE)
CLAIMS = st.builds(Claim, WORDS, st.lists(st.builds(Citation, WORDS, WORDS), max_size=2).map(tuple), st.booleans())
ACTIONS = st.builds(RecommendedAction, st.sampled_from(Action), st.none() | ENTITIES, WORDS)
DRAFTS = st.builds(
    Draft,
    st.sampled_from(Severity),
    st.sampled_from(FaultClass),
    WORDS,
    WORDS,
    st.floats(0, 1),
    st.lists(ENTITIES, max_size=2).map(tuple),
    st.lists(st.builds(CausalStep, WORDS, SENTENCES), max_size=2).map(tuple),
    st.lists(ACTIONS, max_size=2).map(tuple),
    st.lists(CLAIMS, max_size=2).map(tuple),
    st.lists(st.builds(RuledOut, st.sampled_from(FaultClass), WORDS), max_size=2).map(tuple),
    SENTENCES,
)
SPENDS = st.builds(Spend, COUNTS, COUNTS, COUNTS, COUNTS, COUNTS, NUMBERS, st.none() | NUMBERS)
ASSESSMENTS = st.builds(
    Assessment,
    WORDS,
    WORDS,
    WORDS,
    st.sampled_from(Outcome),
    DRAFTS,
    st.lists(st.builds(StruckClaim, CLAIMS, WORDS), max_size=2).map(tuple),
    WORDS,
    WORDS,
    TIMES,
    SPENDS,
    SENTENCES,
)
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


@pytest.fixture(scope="session")
def assessments() -> SearchStrategy[Assessment]:
    """Any assessment."""
    return ASSESSMENTS


@pytest.fixture(scope="session")
def drafts() -> SearchStrategy[Draft]:
    """Any draft."""
    return DRAFTS


@pytest.fixture(scope="session")
def incidents() -> SearchStrategy[Incident]:
    """Any incident: of one node or of a storm."""
    return INCIDENTS


@pytest.fixture(scope="session")
def triggers() -> SearchStrategy[Trigger]:
    """Any trigger."""
    return TRIGGERS


@pytest.fixture(scope="session")
def evidence() -> SearchStrategy[Evidence]:
    """Any piece of evidence, one that failed included."""
    return EVIDENCE
