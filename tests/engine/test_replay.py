"""After a crash the same investigation runs from its beginning over its record, and nothing is done twice.

Each run here is one life of a process: its steps and its evidence are written down as JSON text, which outlives it; all
else is new in the next life.
"""

from __future__ import annotations

import asyncio
import json
import random
from collections import Counter
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

import pytest

from gcm_sentinel.domain.assessment import Outcome
from gcm_sentinel.domain.budget import Limits
from gcm_sentinel.domain.evidence_json import evidence_from_json, evidence_to_json
from gcm_sentinel.domain.redaction import Redactor
from gcm_sentinel.domain.transcript import ModelTurn, StopReason, ToolReplies
from gcm_sentinel.engine.loop import Loop
from gcm_sentinel.engine.toolbox import Toolbox

STEPS = ("open", "turn", "tool:a", "tool:b", "turn", "tool:c", "tool:unknown", "turn", "turn", "turn")


class Died(BaseException):
    """The process is gone."""


@dataclass
class Disk:
    """What outlives a process."""

    record: dict[int, tuple[str, str]] = field(default_factory=dict)
    evidence: dict[str, str] = field(default_factory=dict)
    asked: Counter[object] = field(default_factory=Counter)
    """Turns by number and tools by name: how often each was really asked for."""
    told: list[tuple[str, int]] = field(default_factory=list)

    async def put(self, investigation_id, evidence):
        self.evidence[f"{investigation_id}/{evidence.id}"] = json.dumps(evidence_to_json(evidence))

    async def get(self, investigation_id, evidence_id):
        text = self.evidence.get(f"{investigation_id}/{evidence_id}")
        return evidence_from_json(json.loads(text)) if text else None

    async def on_turn(self, investigation_id, number, turn, cost_usd):
        self.told.append((investigation_id, number))


@dataclass
class RecordedSteps:
    """Steps of one life; it ends at step `dies_at`, its result recorded or just lost."""

    disk: Disk
    dies_at: int = -1
    loses_it: bool = False
    begun: int = 0

    async def run(self, name, work, codec):
        place, self.begun = self.begun, self.begun + 1
        if place in self.disk.record:
            known, text = self.disk.record[place]
            assert known == name
            return codec.decode(json.loads(text))
        result = await work()
        if place != self.dies_at or not self.loses_it:
            self.disk.record[place] = (name, json.dumps(codec.encode(result)))
        if place == self.dies_at:
            raise Died
        return result


@dataclass
class TellingModel:
    """Gives the turn that belongs to the place in the transcript, and counts what it was asked."""

    turns: list[ModelTurn]
    disk: Disk
    name: str = "scripted"

    async def turn(self, transcript, tools):
        number = 1 + sum(isinstance(entry, ModelTurn) for entry in transcript.entries)
        self.disk.asked[number] += 1
        return self.turns[min(number, len(self.turns)) - 1]


class JumpingClock:
    """A clock that goes forth and back by years."""

    def __init__(self, seed):
        self._random = random.Random(seed)  # noqa: S311  no secret is drawn

    def now(self):
        return datetime(2026, 1, 1, tzinfo=UTC) + timedelta(days=self._random.randrange(-999, 999))

    def monotonic(self):
        return self._random.uniform(-1e6, 1e6)


@pytest.fixture
def life(clock, incident, source_of, bus_result, calling, submitting, submission):
    """Live once: investigate with `steps` until the end or death."""
    page = ("read_evidence", {"evidence_id": "E1", "offset": 0, "find": "bus"})
    turns = [
        calling("a", "b"),
        calling("c", page, "no such tool"),
        submitting({**submission, "severity": "gremlins"}),
        ModelTurn("I am sure of it.", (), StopReason.END),
        submitting(submission),
    ]

    async def live(disk, steps, *, at=clock, limits=None, system="s", sources=None):
        source = source_of(dict.fromkeys(sources or ("a", "b", "c"), bus_result))
        toolbox = Toolbox([source], disk, at, redactor=Redactor())
        loop = Loop(
            TellingModel(turns, disk), toolbox, at, system=system, limits=limits or Limits(), price=lambda _: 0.1
        )
        try:
            return await loop.investigate(incident, steps=steps, on_turn=disk.on_turn)
        finally:
            disk.asked.update(call.name for call in source.seen)

    return live


async def test_the_steps_are_those_that_touch_the_world(life):
    disk = Disk()

    done = await life(disk, RecordedSteps(disk))

    assert tuple(name for name, _ in disk.record.values()) == STEPS
    assert done.assessment.outcome is Outcome.CONCLUDED


@pytest.mark.parametrize("place", range(len(STEPS)))
@pytest.mark.parametrize("loses_it", [False, True], ids=["recorded", "lost"])
async def test_cut_off_at_any_step_it_ends_as_if_nothing_had_happened(life, place, loses_it):
    whole, disk = Disk(), Disk()
    undisturbed = await life(whole, RecordedSteps(whole))
    with pytest.raises((Died, BaseExceptionGroup)):
        await life(disk, RecordedSteps(disk, dies_at=place, loses_it=loses_it))

    resumed = await life(disk, RecordedSteps(disk))

    assert resumed == undisturbed
    again = disk.asked - whole.asked
    assert set(again.values()) <= ({1} if loses_it else set())
    assert again.total() <= 1
    assert [number for _, number in dict.fromkeys(disk.told)] == [1, 2, 3, 4, 5]


async def test_of_two_calls_side_by_side_the_one_that_was_done_stays_done(life, monkeypatch, source_of):
    disk, waiting, answer = Disk(), asyncio.Event(), type(source_of({})).execute

    async def slow_a(self, call, scope):
        result = await answer(self, call, scope)
        await (waiting.wait() if call.name == "a" else asyncio.sleep(0))
        return result

    monkeypatch.setattr(type(source_of({})), "execute", slow_a)
    with pytest.raises((Died, BaseExceptionGroup)):
        await life(disk, RecordedSteps(disk, dies_at=3))
    waiting.set()
    resumed = await life(disk, RecordedSteps(disk))

    assert (disk.asked["a"], disk.asked["b"]) == (2, 1)
    assert [(item.id, item.tool) for item in resumed.evidence] == [("E1", "a"), ("E2", "b"), ("E3", "c")]


@pytest.mark.parametrize("seed", range(5))
async def test_a_replay_reads_no_clock(life, incident, seed):
    disk = Disk()
    first = await life(disk, RecordedSteps(disk))
    asked, told = disk.asked.copy(), list(disk.told)

    replayed = await life(disk, RecordedSteps(disk), at=JumpingClock(seed))

    assert replayed == first
    assert (disk.asked, disk.told) == (asked, told)


async def test_settings_changed_meanwhile_change_nothing_that_was_recorded(life):
    disk = Disk()
    first = await life(disk, RecordedSteps(disk))

    replayed = await life(
        disk, RecordedSteps(disk), limits=Limits(rounds=1, calls_per_round=1), system="other", sources=("c",)
    )

    assert replayed == first


async def test_a_source_turned_off_meanwhile_costs_only_what_was_not_yet_gathered(life):
    disk = Disk()
    with pytest.raises((Died, BaseExceptionGroup)):
        await life(disk, RecordedSteps(disk, dies_at=3, loses_it=True))

    resumed = await life(disk, RecordedSteps(disk), sources=("c",))

    replies = [
        reply for entry in resumed.transcript.entries if isinstance(entry, ToolReplies) for reply in entry.replies
    ]
    assert [item.id for item in resumed.evidence] == ["E1", "E2"]
    assert replies[1].content == "Unknown tool: b. Tools: c."
    assert resumed.assessment.outcome is Outcome.CONCLUDED


@pytest.mark.parametrize("damage", [None, "another text"], ids=["missing", "altered"])
async def test_evidence_that_is_lost_is_said_to_be_lost_and_is_not_gathered_again(life, damage):
    disk = Disk()
    with pytest.raises((Died, BaseExceptionGroup)):
        await life(disk, RecordedSteps(disk, dies_at=4))
    text = disk.evidence.pop("inc-1.1/E1")
    if damage:
        disk.evidence["inc-1.1/E1"] = text.replace("fallen off the bus", damage)

    resumed = await life(disk, RecordedSteps(disk))

    reply = resumed.transcript.entries[1].replies[0]
    assert (reply.is_error, reply.evidence) == (True, None)
    assert "stored as E1 and is lost" in reply.content
    assert (disk.asked["a"], [item.id for item in resumed.evidence]) == (1, ["E2", "E3"])
    assert resumed.assessment.outcome is Outcome.INCONCLUSIVE


async def test_a_turn_that_came_too_late_is_too_late_at_the_replay_as_well(life, monkeypatch):
    disk = Disk()
    answer = TellingModel.turn

    async def hang(self, transcript, tools):
        await asyncio.Event().wait()

    monkeypatch.setattr(TellingModel, "turn", hang)
    first = await life(disk, RecordedSteps(disk), limits=Limits(wall=timedelta(seconds=1)))
    monkeypatch.setattr(TellingModel, "turn", answer)
    replayed = await life(disk, RecordedSteps(disk))

    assert replayed == first
    assert "no answer within the limit of 1 s" in replayed.assessment.draft.summary
