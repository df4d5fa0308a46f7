"""A trial ends in time: what a node needs before its clock starts, who is busy, and how much is read."""

from __future__ import annotations

import time
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import cast

import pytest
from tests.deep_probe_source.conftest import Clock

from gcm_sentinel.clients.node_agent_bounds import MOST_FINDINGS
from gcm_sentinel.datasources import probe_runs
from gcm_sentinel.datasources.probe_runs import Trial, Trials, run_all
from gcm_sentinel.datasources.probe_sides import failing, lines
from gcm_sentinel.domain.errors import Overloaded, Rejected, SentinelError
from gcm_sentinel.domain.node_agent import NodeDescription, NodeGpu
from gcm_sentinel.domain.node_probes import (
    Follower,
    ProbeFinding,
    ProbeKind,
    ProbeOrder,
    ProbeOutcome,
    ProbeRun,
    nobody,
)

GPU = NodeGpu(uuid="GPU-1", index=0, pci_bus_id="0000:9b:00.0", model="H200")
THEN = datetime(2026, 11, 22, tzinfo=UTC)


class StoppedClock(Clock):
    def monotonic(self) -> float:
        return 1000.0


@dataclass
class Agents:
    """Answers with what it was given, one after the other."""

    answers: list[ProbeRun | SentinelError]
    orders: list[ProbeOrder] = field(default_factory=list)

    async def describe(self, node: str) -> NodeDescription:
        raise NotImplementedError

    async def run_probe(self, node: str, order: ProbeOrder, follow: Follower = nobody) -> ProbeRun:
        self.orders.append(order)
        answer = self.answers.pop(0)
        if isinstance(answer, SentinelError):
            raise answer
        return answer


async def tried(agents: Agents, left_s: float) -> Trials:
    trial = Trial("node-1", GPU, None, (ProbeKind.FMA,), True, 7)
    return await run_all(agents, trial, StoppedClock(), 1000.0 + left_s)


@pytest.mark.parametrize(("left_s", "deadline_s"), [(6, 3), (12, 6), (60, 45)])
async def test_a_probe_has_less_time_than_is_waited_for_its_answer(left_s, deadline_s):
    agents = Agents([Rejected("no")])

    await tried(agents, left_s)

    assert agents.orders[0].deadline.total_seconds() == deadline_s


async def test_the_node_is_told_how_long_its_answer_is_waited_for():
    agents = Agents([Rejected("no")])

    await tried(agents, 20)

    assert agents.orders[0].answer_within == timedelta(seconds=20)


async def test_a_gpu_that_another_probe_holds_is_asked_for_again(monkeypatch):
    monkeypatch.setattr(probe_runs, "_AGAIN_S", 0.0)
    ran = cast(ProbeRun, object())
    agents = Agents([Overloaded("held by the schedule"), Overloaded("held by the schedule"), ran])

    trials = await tried(agents, 20)

    assert (trials.runs[0].suspect, len(agents.orders)) == (ran, 3)


async def test_one_that_is_still_held_when_time_is_over_says_by_whom():
    held = Overloaded("held by the schedule")

    trials = await tried(Agents([held]), 1.5)

    assert trials.runs[0].suspect is held


def test_as_many_findings_as_are_read_at_most_are_told_in_moments():
    findings = tuple(
        ProbeFinding(ProbeOutcome.FAIL, number, f"v{number}", mismatch_words=1) for number in range(MOST_FINDINGS)
    )
    order = ProbeOrder(ProbeKind.FMA, GPU.uuid, seed=1)
    run = ProbeRun("r", GPU, order, ProbeOutcome.FAIL, findings, 132, THEN, THEN)

    began_s = time.process_time()
    told = len(failing(run)), len(list(lines(ProbeKind.FMA, run, "suspect")))

    assert told == (MOST_FINDINGS, 2 * MOST_FINDINGS + 1)
    assert time.process_time() - began_s < 2
