"""The dashboard, the alert rules, and the metrics that exist."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import yaml

from gcm_sentinel.app.metrics import AgentMetrics

CHART = Path(__file__).resolve().parents[2] / "charts" / "gcm-sentinel"
SUFFIXES = {"counter": ("_total",), "histogram": ("_bucket", "_sum", "_count"), "gauge": ("",)}


@pytest.fixture
def families():
    """Family name, as it is documented, to the names a query may use."""
    metrics = AgentMetrics(version="1", engine="playbook", mode="recommend")
    return {
        family.name + ("_total" if family.type == "counter" else ""): {
            family.name + suffix for suffix in SUFFIXES[family.type]
        }
        for family in metrics.families()
    }


@pytest.fixture
def dashboard():
    return json.loads((CHART / "dashboards" / "gcm-sentinel.json").read_text())


@pytest.fixture
def rules():
    groups = yaml.safe_load((CHART / "rules" / "gcm-sentinel.yaml").read_text())["groups"]
    return [rule for group in groups for rule in group["rules"]]
