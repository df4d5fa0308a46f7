"""A small world and the agent's environment, clean of whatever the machine has set."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from gcm_sentinel.domain.jsontypes import JsonObject
from gcm_sentinel.domain.transcript import SUBMIT_TOOL
from gcm_sentinel.llm.scripted import ScriptedModel, calling
from sentinel_fleet.scenario import load

ROOT = Path(__file__).resolve().parents[2]

SMALL = """
schema: gcm-sentinel/scenario/v1
id: small
title: One bad condition
section: A
draw:
  node: {node: {}}
fleet: {racks: 1, nodes_per_rack: 2, history: 6h}
facts:
  - condition: {node: "${node}", at: 0s, type: CONDITION, status: "True", reason: R, message: "something is bad"}
trigger: {node: "${node}", condition: CONDITION}
expect:
  fault_class: [inconclusive]
  severity: [warning]
"""


@pytest.fixture(autouse=True, scope="module")
def _clean_environment():
    with pytest.MonkeyPatch.context() as patch:
        for name in [name for name in os.environ if name.startswith("GCM_SENTINEL_")]:
            patch.delenv(name)
        yield


@pytest.fixture
def small_scenario(tmp_path):
    def make(condition="GpuXid"):
        folder = tmp_path / "small"
        folder.mkdir(exist_ok=True)
        file = folder / "scenario.yaml"
        file.write_text(SMALL.replace("CONDITION", condition))
        return load(file)

    return make


@pytest.fixture
def undecided():
    """A model that looks at nothing and submits an honest "inconclusive"."""
    verdict: JsonObject = {
        "severity": "warning",
        "fault_class": "inconclusive",
        "summary": "nothing was looked at",
        "root_cause": "not established",
        "confidence": 0.0,
    }
    return ScriptedModel([calling((SUBMIT_TOOL, verdict))])


@pytest.fixture(scope="session")
def ours():
    """One of our own scenarios by id."""

    def find(name):
        return load(ROOT / "evals" / "scenarios" / name / "scenario.yaml")

    return find
