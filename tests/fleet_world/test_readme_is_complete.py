"""evals/README.md is enough to write from: every name the loader accepts stands in it, and its example loads."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from sentinel_fleet.baseline.daemonsets import daemonsets
from sentinel_fleet.baseline.fleet import FleetSpec
from sentinel_fleet.baseline.hardware import MODELS
from sentinel_fleet.facts import FACTS, MetricFact
from sentinel_fleet.node_agents.facts import NODE_AGENT_FACTS, PARTS, Lack, NodeAgentsPart
from sentinel_fleet.prior_incidents import PriorEntity, PriorIncidentPart, TakenAction
from sentinel_fleet.scenario import load
from sentinel_fleet.scenario.file import ExpectPart, ScenarioFile, Variant
from sentinel_fleet.scenario.generators import GENERATORS
from sentinel_fleet.sentinel.facts import SENTINEL_FACTS, SentinelPart, Versions

README = (Path(__file__).parents[2] / "evals" / "README.md").read_text(encoding="utf-8")

NAMES = [
    *((f"fact {kind}.{key}", key) for kind, model in FACTS.items() for key in (kind, *model.model_fields)),
    *(
        (f"draw {name}.{key}", field.alias or key)
        for name, model in GENERATORS.items()
        if name != "choice"
        for key, field in model.model_fields.items()
    ),
    *((f"generator {name}", name) for name in GENERATORS),
    *((f"fleet {key}", key) for key in FleetSpec.model_fields),
    *((f"effect {key}", key) for key in MetricFact.EFFECTS),
    *((f"file {key}", field.alias or key) for key, field in ScenarioFile.model_fields.items()),
    *((f"variant {key}", key) for key in Variant.model_fields),
    *(
        (f"prior incident {model.__name__}.{key}", key)
        for model in (PriorIncidentPart, PriorEntity, TakenAction)
        for key in model.model_fields
    ),
    *((f"sentinel {kind}.{key}", key) for kind, model in SENTINEL_FACTS.items() for key in (kind, *model.model_fields)),
    *((f"sentinel {key}", key) for model in (SentinelPart, Versions) for key in model.model_fields),
    *((f"node agents {kind}", kind) for kind in NODE_AGENT_FACTS),
    *((f"node agents {key}", key) for model in (NodeAgentsPart, Lack) for key in model.model_fields),
    *((f"node agents' part {part}", part) for part in PARTS),
    *((f"expect {key}", key) for key in ExpectPart.model_fields),
]


@pytest.mark.parametrize("name", dict(NAMES).values(), ids=dict(NAMES).keys())
def test_names_everything_a_file_may_contain(name):
    assert re.search(rf"[`{{ ,]{re.escape(name)}[`:}} ,?.|]", README)


@pytest.mark.parametrize("name", [*MODELS, *(spec.name for spec in daemonsets("580.159.03"))])
def test_names_every_gpu_model_and_daemonset(name):
    assert name in README


def test_its_example_loads_and_draws(tmp_path, anchor):
    example = re.search(r"```yaml\n(.+?)```", README, re.DOTALL)
    assert example is not None
    file = tmp_path / "example.yaml"
    file.write_text(example[1], encoding="utf-8")

    world = load(file).realise(1, anchor, clock=lambda: anchor)

    assert world.trigger.condition == "GpuCount"
