"""Any sequence of directives, decisions and time, against a model that is as simple as the table of states."""

from __future__ import annotations

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import Bundle, RuleBasedStateMachine, invariant, precondition, rule
from tests.sentinel_core.gateway import Clock, asking, gpu

from sentinel_gateway.core.directing import decide, expire_due, issue
from sentinel_gateway.core.memory import Memory
from sentinel_gateway.core.round import Round
from sentinel_gateway.domain.directives import Approval, DirectiveRecord, DirectiveStatus
from sentinel_gateway.domain.errors import AlreadyThere, Denied, IllegalState
from sentinel_gateway.domain.gpus import first_seen
from sentinel_gateway.domain.health import EDGES, Action, HealthState
from sentinel_gateway.domain.roles import Caller, Role
from sentinel_gateway.domain.settings import CoreSettings
from sentinel_gateway.storage.changes import Found

ACTIONS = (Action.QUARANTINE, Action.SCHEDULE_DEEP_TEST, Action.REINSTATE, Action.CONDEMN)
PEOPLE = ("jane", "omar")
DAY_S = 86_400


class Life(RuleBasedStateMachine):
    """One GPU and everything people ask of it; every step is a round that was stored."""

    ids = Bundle("ids")

    def __init__(self) -> None:
        super().__init__()
        self.clock = Clock()
        self.memory = Memory()
        self.memory.gpus[gpu().uuid] = first_seen(1, gpu(), self.clock())
        self.stored: dict[str, DirectiveRecord] = {}
        self.state = HealthState.HEALTHY
        self.changes = 0
        self.waiting: dict[str, tuple[Action, str, int, int]] = {}
        self.asked: dict[str, tuple[Action, str, bool]] = {}
        self.last_news = 0

    def round(self) -> Round:
        round_ = Round(self.memory, CoreSettings(), self.clock(), Found(directives=dict(self.stored)))
        expire_due(round_)
        return round_

    def store(self, round_: Round) -> None:
        self.stored.update(round_.changes().directives)
        round_.publish()
        self.waiting = {key: one for key, one in self.waiting.items() if one[2] > self.clock()}

    @rule(
        target=ids,
        action=st.sampled_from(ACTIONS),
        by=st.sampled_from(PEOPLE),
        number=st.integers(0, 5),
        waits=st.booleans(),
    )
    def ask(self, action: Action, by: str, number: int, waits: bool) -> str:
        directive_id = f"d-{number}"
        round_ = self.round()
        self.store(self.round())
        wanted = (action, by, waits)
        needs_approval = waits or action is Action.CONDEMN
        try:
            caller = Caller(by, frozenset({Role.OPERATOR}), "token")
            outcome = issue(asking(action, directive_id, requires_approval=waits), caller, round_)
        except AlreadyThere:
            assert self.asked[directive_id] != wanted
        except IllegalState:
            assert directive_id not in self.asked
            assert action not in EDGES[self.state]
        else:
            if directive_id not in self.asked:
                self._expect(directive_id, wanted, needs_approval)
                assert outcome.resulting_state is self.state
                assert (outcome.status is DirectiveStatus.WAITING) == needs_approval
            self.store(round_)
        return directive_id

    def _expect(self, directive_id: str, wanted: tuple[Action, str, bool], needs_approval: bool) -> None:
        self.asked[directive_id] = wanted
        if needs_approval:
            self.waiting[directive_id] = (wanted[0], wanted[1], self.clock() + DAY_S * 10**9, self.changes)
        else:
            self._move(wanted[0])

    def _move(self, action: Action) -> None:
        self.state = EDGES[self.state][action]
        self.changes += 1

    @precondition(lambda self: self.waiting)
    @rule(directive_id=ids, by=st.sampled_from(PEOPLE), approve=st.booleans())
    def review(self, directive_id: str, by: str, approve: bool) -> None:
        if directive_id not in self.asked:
            return
        self.store(self.round())
        known = self.waiting.get(directive_id)
        round_ = self.round()
        try:
            record = decide(directive_id, Approval(approve, by, self.clock()), round_)
        except Denied:
            assert known is not None
            assert known[1] == by
            return
        except IllegalState:
            assert known is None
            return
        self.store(round_)
        if known is not None:
            del self.waiting[directive_id]
            is_executed = approve and known[3] == self.changes
            if is_executed:
                self._move(known[0])
            assert (record.status is DirectiveStatus.EXECUTED) == is_executed

    @rule(hours=st.integers(1, 30))
    def time_goes_by(self, hours: int) -> None:
        self.clock.sleep(hours * 3600)
        self.store(self.round())

    @invariant()
    def the_gpu_is_where_the_model_is(self) -> None:
        assert self.memory.gpus[gpu().uuid].state is self.state

    @invariant()
    def what_waits_is_what_the_model_has_waiting(self) -> None:
        assert set(self.memory.waiting) == set(self.waiting)

    @invariant()
    def news_only_grow(self) -> None:
        assert self.memory.last_news >= self.last_news
        self.last_news = self.memory.last_news


TestLife = Life.TestCase
TestLife.settings = settings(max_examples=60, stateful_step_count=30, deadline=None)
