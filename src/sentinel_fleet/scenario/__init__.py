"""Scenario files: reading them strictly and drawing a world from one.

`load(path)` gives a `Scenario`; `scenario.realise(seed, anchor)` a `World`. The format is described in evals/README.md.
"""

from sentinel_fleet.scenario.errors import ScenarioError
from sentinel_fleet.scenario.scenario import Scenario, load

__all__ = ["Scenario", "ScenarioError", "load"]
