"""Who is admitted: nodes of the operator's list, and one investigation per node and kind within the cool-down."""

from __future__ import annotations

from dataclasses import replace

import pytest
from tests.triage.shelf import T0, Shelf, problem, recovery, seconds

from gcm_sentinel.domain.incident_record import IncidentState, TriggerState
from gcm_sentinel.triage.policy import Policy


def close_all(shelf):
    for id_, incident in shelf.incidents.items():
        shelf.incidents[id_] = replace(incident, state=IncidentState.CLOSED, closed_at=incident.opened_at)


@pytest.fixture
def shelf():
    """One closed incident, investigated two seconds after T0."""
    found = Shelf()
    found.store(problem("gpu-1", "GpuNvlink", "link down"))
    found.decide(2)
    close_all(found)
    found.symptoms.clear()
    return found


@pytest.mark.parametrize(
    ("allowlist", "node", "admitted"),
    [
        ((), "gpu-1", True),
        (("gpu-*",), "gpu-1", True),
        (("cpu-*",), "gpu-1", False),
        (("*", "!gpu-*"), "gpu-1", False),
        (("gpu-1", "!gpu-*"), "gpu-1", True),
    ],
    ids=["none", "glob", "other", "excluded", "exact-wins"],
)
def test_only_nodes_of_the_list_are_admitted(allowlist, node, admitted):
    shelf = Shelf(Policy(allowlist=allowlist))
    shelf.store(problem(node))

    shelf.decide(2)

    assert bool(shelf.standing) is admitted


def test_a_refusal_says_why():
    shelf = Shelf(Policy(allowlist=("cpu-*",)))
    shelf.store(problem("gpu-1"))

    (ruling,) = shelf.decide(0)

    assert ruling.state is TriggerState.REFUSED
    assert ruling.reason == "node gpu-1 is not covered by GCM_SENTINEL_NODE_ALLOWLIST"


def test_the_same_kind_within_the_cool_down_is_held_and_told_how_long(shelf):
    shelf.store(problem("gpu-1", "GpuNvlink", "link down", at=3000), at=3000)

    (ruling,) = shelf.decide(3002)

    assert (ruling.state, ruling.until) == (TriggerState.HELD, T0 + seconds(3602))
    assert ruling.reason == "cool-down of gpu-1/GpuNvlink: 600 s left"


def test_what_is_still_wrong_after_the_cool_down_is_admitted(shelf):
    shelf.store(problem("gpu-1", "GpuNvlink", "link down", at=3000), at=3000)
    shelf.decide(3002)

    shelf.decide(3602)

    assert [incident.revision for incident in shelf.standing] == [1]


def test_what_went_away_while_it_was_held_is_noted(shelf):
    (held,) = shelf.store(problem("gpu-1", "GpuNvlink", "link down", at=3000), at=3000)
    shelf.decide(3002)
    shelf.store(recovery("gpu-1", "GpuNvlink", at=3100), at=3100)
    shelf.decide(3100)

    shelf.decide(3602)

    assert shelf.triggers[held].state is TriggerState.NOTED
    assert shelf.standing == []


@pytest.mark.parametrize(
    "trigger",
    [problem("gpu-1", "IbDev"), problem("gpu-2", "GpuNvlink"), problem("gpu-1", "GpuNvlink", "Xid 79", at=2999)],
    ids=["another-kind", "another-node", "more-urgent"],
)
def test_what_is_not_cooling_down_is_admitted(shelf, trigger):
    shelf.store(trigger, at=3000)

    shelf.decide(3002)

    assert len(shelf.standing) == 1


def test_what_is_held_goes_along_with_what_is_admitted_on_its_node(shelf):
    shelf.store(problem("gpu-1", "GpuNvlink", "link down"), problem("gpu-1", "GpuCount"), at=3000)

    shelf.decide(3002)

    assert shelf.standing[0].kinds == {"GpuNvlink", "GpuCount"}


def test_a_held_problem_joins_what_was_opened_on_its_node_meanwhile(shelf):
    shelf.store(problem("gpu-1", "GpuNvlink", "link down", at=3000), at=3000)
    shelf.decide(3002)
    shelf.store(problem("gpu-1", "GpuCount", at=3590), at=3590)
    shelf.decide(3592)

    shelf.decide(3602)

    assert [incident.kinds for incident in shelf.standing] == [{"GpuNvlink", "GpuCount"}]


def test_no_cool_down_holds_nothing():
    shelf = Shelf(Policy(cooldown=seconds(0)))
    shelf.store(problem("gpu-1"))
    shelf.decide(2)
    close_all(shelf)
    shelf.store(problem("gpu-1", at=10), at=10)

    shelf.decide(12)

    assert len(shelf.standing) == 1
