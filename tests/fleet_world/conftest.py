"""Small scenarios written to disk and read back through the real loader."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pytest
import yaml

from sentinel_fleet.ports import LabelMatcher
from sentinel_fleet.scenario import Scenario, load
from sentinel_fleet.world import World

T0 = 1_790_000_000.0
"""The anchor of the worlds in these tests; their clock stands still there."""

Content = dict[str, Any]
MakeContent = Callable[..., Content]
LoadContent = Callable[[Mapping[str, Any]], Scenario]
MakeWorld = Callable[..., World]
Read = Callable[..., dict[str, list[tuple[float, float]]]]


def content(**changes: object) -> Content:
    """A minimal scenario with parts replaced."""
    base: Content = {
        "schema": "gcm-sentinel/scenario/v1",
        "id": "small",
        "title": "A small scenario",
        "section": "A",
        "draw": {"node": {"node": {}}, "gpu": {"gpu": {"of": "node"}}},
        "fleet": {"racks": 2, "nodes_per_rack": 2},
        "facts": [{"condition": {"node": "${node}", "type": "GpuXid", "status": "True", "reason": "GpuXidBad"}}],
        "trigger": {"node": "${node}", "condition": "GpuXid"},
        "expect": {"fault_class": ["gpu_off_bus"], "severity": ["critical"]},
    }
    return base | changes


@pytest.fixture
def make_content() -> MakeContent:
    """A minimal scenario as data, with parts replaced."""
    return content


@pytest.fixture
def load_content(tmp_path: Path) -> LoadContent:
    """Write data as a scenario file and load it."""

    def load_it(data: Mapping[str, Any]) -> Scenario:
        file = tmp_path / "case.yaml"
        file.write_text(yaml.safe_dump(dict(data), sort_keys=False), encoding="utf-8")
        return load(file)

    return load_it


@pytest.fixture
def make_world(load_content: LoadContent) -> MakeWorld:
    """A world of a minimal scenario: `facts` come before the trigger's own, other parts are replaced."""

    def make(
        facts: list[Content] | None = None, *, seed: int = 1, variant: str | None = None, **changes: object
    ) -> World:
        data = content(**changes)
        data["facts"] = [*(facts or []), *data["facts"]]
        return load_content(data).realise(seed, T0, variant, clock=lambda: T0)

    return make


@pytest.fixture
def read() -> Read:
    """Samples of one metric by a label's value (by GPU unless told otherwise), label sets of one GPU joined."""

    def samples(
        world: World, metric: str, /, *, by: str = "gpu", start: float = T0 - 600, end: float = T0, **labels: str
    ) -> dict[str, list[tuple[float, float]]]:
        matchers = [LabelMatcher("__name__", "=", metric)]
        matchers += [LabelMatcher(label, "=", value) for label, value in labels.items()]
        found: dict[str, list[tuple[float, float]]] = {}
        for series in world.series.select(matchers):
            found.setdefault(series.labels.get(by, ""), []).extend(series.samples(start, end))
        return {key: sorted(values) for key, values in found.items()}

    return samples


@pytest.fixture
def anchor() -> float:
    """T0 of the worlds in these tests."""
    return T0
