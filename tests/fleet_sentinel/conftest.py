"""Small worlds with a SENTINEL part, read through the real loader."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pytest
import yaml

from sentinel_fleet.scenario import Scenario, load
from sentinel_fleet.sentinel.agents import Agents
from sentinel_fleet.world import World

Facts = Sequence[dict[str, Any]]
MakeScenario = Callable[..., Scenario]


def scenario_of(folder: Path, told: Facts, part: dict[str, Any] | None = None, **changes: object) -> Scenario:
    """Two racks of two nodes with two GPUs each, and what SENTINEL was told of them."""
    content = {
        "schema": "gcm-sentinel/scenario/v1",
        "id": "small",
        "title": "A small scenario",
        "section": "L",
        "draw": {
            "node": {"node": {}},
            "gpu": {"gpu": {"of": "node"}},
            "a": {"node": {"not": ["node"]}},
            "b": {"node": {"not": ["node", "a"]}},
        },
        "fleet": {"racks": 2, "nodes_per_rack": 2, "gpus_per_node": 2},
        "facts": [],
        "sentinel": {"since": "40m", **(part or {}), "facts": list(told)},
        "trigger": {"node": "${node}", "alert": "SomethingIsWrong"},
        "expect": {"fault_class": ["inconclusive"], "severity": ["warning"]},
        **changes,
    }
    file = folder / "small.yaml"
    file.write_text(yaml.safe_dump(content, sort_keys=False), encoding="utf-8")
    return load(file)


@pytest.fixture
def make(tmp_path: Path) -> MakeScenario:
    """Write and load a scenario."""
    return lambda told, part=None, **changes: scenario_of(tmp_path, told, part, **changes)


def world_of(scenario: Scenario, seed: int = 1, variant: str | None = None) -> World:
    """A world whose T0 is now."""
    return scenario.realise(seed, anchor=time.time(), variant=variant)


def agents_of(world: World) -> Agents:
    """Its probe agents."""
    assert world.plan.sentinel is not None
    return Agents(world, world.plan.sentinel)
