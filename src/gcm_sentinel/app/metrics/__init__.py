"""What the agent counts about itself, for Prometheus at /metrics; `docs/operations.md` explains every metric.

A registry of our own, so that two agents in one process (tests, the demo) do not share figures. Every name begins with
`gcm_sentinel_` and carries its unit. No label is unbounded: closed sets come from our enumerations, and names that come
from outside (models, tools) pass `BoundedNames`. The parts are one file per subject and called from the app alone;
nothing below the app knows that it is counted.
"""

from __future__ import annotations

from gcm_sentinel.app.metrics.agent import AgentMetrics

__all__ = ["AgentMetrics"]
