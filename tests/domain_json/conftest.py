"""Values of every shape, for properties that must hold for all of them."""

from __future__ import annotations

import pytest
from hypothesis import strategies as st
from hypothesis.strategies import SearchStrategy
from tests.any_values import COUNTS, ENTITIES, EVIDENCE, INCIDENTS, SENTENCES, TIMES, TRIGGERS, WORDS

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
from gcm_sentinel.domain.evidence import Evidence
from gcm_sentinel.domain.faults import FaultClass
from gcm_sentinel.domain.trigger import Incident, Trigger

NUMBERS = st.floats(0, 1e6)
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
