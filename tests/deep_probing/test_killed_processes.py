"""An agent that is killed (SIGKILL) after each recorded step of a deep probing, and in the middle of a probe.

The agent is a process of its own, `serve` as it is shipped; the node's service is the witness.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from importlib.metadata import entry_points
from typing import Any

import pytest
from tests.deep_probe_source.machine import NODE, idle
from tests.deep_probing.conftest import GPU, OPERATION, PROBES, Bench
from tests.durability.acting_run import Told, through
from tests.durability.acting_scenes import Advisor, Scene, _drained, _gpu_entity, node_of, the_node
from tests.durability.conftest import Stage, scenario_text, staged, stop
from tests.node_service.conftest import Given, serving

from gcm_sentinel.app.acting import GROUP
from gcm_sentinel.domain.action_record import ActionState
from sentinel_node.domain.probes import ProbePlan, ProbeReport
from sentinel_node.domain.seams import ProbeWatch
from sentinel_node.service.node_service import Machine

__all__ = ["staged"]

IS_REGISTERED = any(point.name == OPERATION for point in entry_points(group=GROUP))
pytestmark = [
    pytest.mark.slow,
    pytest.mark.timeout(300),
    pytest.mark.skipif(not IS_REGISTERED, reason=f"NOT TESTED: {OPERATION} is no entry point of {GROUP} here"),
]
STEPS = ("rule", "begin", *["send:PROBE"] * len(PROBES), "carried", "check", "ended")


@dataclass
class Deadly(Bench):
    """Kills whoever asks for the first probe of one kind, while it runs."""

    kills_in: str = ""
    kill: Callable[[], None] = lambda: None
    killed: list[str] = field(default_factory=list)

    def run(self, plan: ProbePlan, watch: ProbeWatch) -> ProbeReport:
        first = plan.kind == self.kills_in and not self.killed
        self.holds = str(plan.kind) if first else ""
        if first:
            self.killed.append(str(plan.kind))
            self.kill()
        return super().run(plan, watch)


@dataclass
class Named(Given):
    """A node with a name of the test's."""

    name: str = NODE

    def machine(self) -> Machine:
        made = super().machine()
        return replace(made, node=replace(made.node, name=self.name))


SCENE = Scene(
    operation=str(OPERATION),
    advice="probe-deep",
    steps=STEPS,
    looks=("describe_gpu_node",),
    arguments=lambda stage: {"gpu_uuid": GPU, "node_name": node_of(stage)},
    target=lambda stage: _gpu_entity(GPU, node_of(stage)),
    prepare=_drained,
)


def reached_here(stage: Stage) -> None:
    """The sick node's address is this machine's."""
    node = the_node(stage)
    addresses = [{"type": "InternalIP", "address": "127.0.0.1"}]
    stage.fleet.store.put({**node, "status": {**node["status"], "addresses": addresses}}, manager="kubelet")


@asynccontextmanager
async def a_stage(staged: Any, bench: Bench) -> AsyncIterator[Stage]:
    advisor = Advisor()
    settings = {"ACTION_MODE": "execute", "REPLICA_ID": "agent", "PROBES": "deep", "DEEP_PROBE_SOAK_SECONDS": "0"}
    async with staged(scenario_text(4), outside=advisor, **settings) as stage:
        SCENE.prepare(stage)
        reached_here(stage)
        advisor.plays(stage, SCENE)
        async with serving(Named(prober=bench, telemetry=idle(), name=node_of(stage))) as port:
            stage.settings["NODE_AGENT_ADDRESS"] = f"{{node_ip}}:{port}"
            yield stage


async def told(staged: Any, bench: Bench, *, killed: bool) -> Told:
    async with a_stage(staged, bench) as stage:
        found = await through(stage, SCENE, killed=killed)
        assert await stop(stage.agents[-1]) == 0
        return found


async def test_it_is_seen_through_and_no_probe_is_told_twice(staged):
    bench = Bench()

    found = await told(staged, bench, killed=True)

    assert found.record.state is ActionState.DONE
    assert found.record.note.startswith("nothing wrong was found")
    assert found.deaths >= len(set(STEPS))
    assert {kind for _, kind in bench.ran} == set(PROBES)
    assert set(Counter(bench.ran).values()) == {1}
    assert found.requests == Counter()


async def test_one_that_dies_in_the_middle_of_a_probe_stops_it_and_its_heir_runs_it_again(staged):
    bench = Deadly(kills_in="memory")

    async with a_stage(staged, bench) as stage:
        bench.kill = lambda: stage.agents[-1].kill()
        found = await through(stage, SCENE, killed=False)
        assert await stop(stage.agents[-1]) == 0

    assert (found.record.state, found.deaths) == (ActionState.DONE, 1)
    assert bench.stopped.is_set()
    assert Counter(kind for _, kind in bench.ran) == Counter((*PROBES, "memory"))
    assert "PASS: fma" in found.record.note
